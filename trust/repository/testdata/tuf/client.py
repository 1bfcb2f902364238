"""Read a repository folder as python-tuf's client does, and download targets.

    python client.py REPOSITORY ROOT.json TARGET...

Prints one JSON object: the versions of the documents that were verified, and
for each target its length and SHA-256. Anything that the client refuses ends
the program with status 1 and the name of the client's exception.
"""
import hashlib
import json
import pathlib
import sys
import tempfile

from tuf.api.exceptions import DownloadHTTPError, DownloadError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater

BASE = "folder:///"


class FolderFetcher(FetcherInterface):
    """Serves the files of one folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def _fetch(self, url):
        file = self.folder / url.removeprefix(BASE)
        if not file.is_file():
            raise DownloadHTTPError(f"no {file}", 404)
        return iter([file.read_bytes()])


def main():
    repository, root, *targets = sys.argv[1:]
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as got:
        updater = Updater(cache, BASE + "metadata/", got, BASE + "targets/",
                          FolderFetcher(repository),
                          bootstrap=pathlib.Path(root).read_bytes())
        updater.refresh()
        found = {}
        for path in targets:
            info = updater.get_targetinfo(path)
            if info is None:
                sys.exit(f"no target {path}")
            data = pathlib.Path(updater.download_target(info)).read_bytes()
            found[path] = {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        versions = {role: updater._trusted_set[role].version for role in updater._trusted_set._trusted_set}
    print(json.dumps({"versions": versions, "targets": found}))


try:
    main()
except (RepositoryError, DownloadError) as e:
    sys.exit(f"{type(e).__name__}: {e}")
