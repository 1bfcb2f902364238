// Package repository is the ground's side of trust: it makes and signs the
// documents that package trust checks on board. It keeps hybrid keys in
// encrypted files, and a repository in a folder that any TUF client of
// specification 1.0 can read. It is not for spacecraft, judges nothing that
// flies (the verifier of package trust has the last word), and talks to no
// network: a folder is carried by whatever carries folders.
//
//	repo, err := repository.Init("fleet", repository.Roles{...}, options)
//	err = repo.AddTenant("acme", repository.Tenant{...}, []repository.PublicKey{pub}, 1, targetsKey)
//	err = repo.SignImage("acme", "hello", "1.0.0", manifestBlob, acmeKey) // the tenant does this
//	err = repo.Publish(snapshotKey, timestampKey)
//
// The folder:
//
//	metadata/N.ROLE.json   documents with all signatures, never changed
//	metadata/timestamp.json  what counts now; the last file that Publish writes
//	targets/...            the charter and the image's OCI manifests, by digest
//	plans/N.SPACECRAFT.json  the directors' plans
//	staged/ROLE.json       documents that wait for more signatures
package repository
