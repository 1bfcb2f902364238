package conformance

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"strings"
)

//go:embed testdata
var testdata embed.FS

// Programs that nobody here wrote, from Debian's packages.
var (
	busybox = Program{Path: "/usr/bin/busybox", Package: "busybox-static"}
	bash    = Program{Path: "/usr/bin/bash-static", Package: "bash-static"}
	zsh     = Program{Path: "/usr/bin/zsh-static", Package: "zsh-static"}
	mksh    = Program{Path: "/usr/bin/mksh-static", Package: "mksh"}
	sash    = Program{Path: "/usr/bin/sash", Package: "sash"}
	e2fsck  = Program{Path: "/usr/sbin/e2fsck.static", Package: "e2fsck-static"}
	gpgv    = Program{Path: "/usr/bin/gpgv-static", Package: "gpgv-static"}
)

// noMtab keeps e2fsck from asking which file systems are mounted: a cell has no
// /proc/mounts.
const noMtab = "EXT2FS_NO_MTAB_OK=1"

// A command is one line of the table: none of them starts another process,
// since a cell has one, and none prints what Linux leaves open, such as the
// order of a folder's entries.
type command struct {
	name    string
	program Program
	args    []string
	stdin   string
}

// commands gives everyday commands over real input.
func commands() []Case {
	var cases []Case
	input := commandInput()
	add := func(list []command) {
		for _, c := range list {
			cases = append(cases, Case{
				Name:    "command/" + c.name,
				Program: c.program,
				Args:    c.args,
				Stdin:   c.stdin,
				Env:     []string{"PATH=/bin", "HOME=/tmp", "TZ=UTC", "LC_ALL=C", noMtab},
				In:      input,
				Data:    Tree{"image": inflate("image.ext2.gz"), "old": "old content\n", "sub/file": "in a folder\n"},
			})
		}
	}
	add(textCommands())
	add(fileCommands())
	add(packCommands())
	add(shellCommands())
	return cases
}

// applet makes a line that runs one of busybox's commands.
func applet(name string, args ...string) command {
	return command{name: "busybox-" + name, program: busybox, args: args}
}

// from gives the command its standard input.
func (c command) from(stdin string) command {
	c.stdin = stdin
	return c
}

// textCommands read text and print text.
func textCommands() []command {
	few := inflate("few.gz")
	return []command{
		applet("awk", "awk", `{n[$2]+=$4; s+=$5} END {printf "%.4f\n", s; print n["cloud"], NR}`, "/in/few"),
		applet("awk-strings", "awk", `{gsub(/o/,"0"); print toupper($2), substr($3,2,3), length($0), $1%7}`, "/in/few"),
		applet("sed", "sed", "-n", `s/cloud \([a-z]*\)/<\1>/gp; $=`, "/in/few"),
		applet("sed-in-place", "sed", "-i", "s/old/new/", "/data/old"),
		applet("sort", "sort", "-k4,4n", "-k1,1", "/in/few"),
		applet("sort-large", "sort", "-r", "/in/words"),
		applet("uniq", "uniq", "-c").from("a\na\nb\nc\nc\nc\n"),
		applet("grep", "grep", "-nE", "^[0-9]+ (cloud|pixel) .* -", "/in/few"),
		applet("grep-count", "grep", "-c", "star", "/in/few", "/in/words"),
		applet("grep-tree", "grep", "-r", "leaf", "/in/folder"),
		applet("grep-none", "grep", "zebra", "/in/few"),
		applet("wc", "wc", "/in/few", "/in/words"),
		applet("cut", "cut", "-d ", "-f2,4-", "/in/few"),
		applet("tr", "tr", "a-z", "A-Z").from(few),
		applet("head", "head", "-n", "7", "/in/few"),
		applet("tail", "tail", "-n", "7", "/in/few"),
		applet("tail-bytes", "tail", "-c", "100", "/in/words"),
		applet("tac", "tac", "/in/few"),
		applet("rev", "rev").from("forward\nbackward\n"),
		applet("nl", "nl", "/in/text"),
		applet("fold", "fold", "-w", "20", "/in/text"),
		applet("paste", "paste", "/in/text", "/in/few"),
		applet("expand", "expand").from("a\tb\tc\n"),
		applet("diff", "diff", "-u", "/in/text", "/in/other"),
		applet("cmp", "cmp", "/in/text", "/in/other"),
		applet("od", "od", "-A", "x", "-t", "x1", "/in/text"),
		applet("hexdump", "hexdump", "-C", "/in/few.gz"),
		applet("xxd", "xxd", "/in/few.xz"),
		applet("strings", "strings", "/in/few.zip"),
		applet("base64", "base64", "/in/few.bz2"),
		applet("base64-decode", "base64", "-d").from("QSBzYXRlbGxpdGU=\n"),
		applet("md5sum", "md5sum", "/in/few", "/in/words"),
		applet("sha256sum", "sha256sum", "/in/words"),
		applet("sha512sum", "sha512sum").from(few),
		applet("sha3sum", "sha3sum", "/in/words"),
		applet("crc32", "crc32", "/in/words"),
		applet("seq", "seq", "1", "0.25", "4"),
		applet("expr", "expr", "(", "7", "*", "6", ")", "-", "2"),
		applet("factor", "factor", "1706933106", "9999999967"),
		applet("dc", "dc", "-e", "20k 2 v p 7 3 / p 2 100 ^ p"),
		applet("bc", "bc", "-l").from("scale=30\n4*a(1)\n2^200\nfor(i=0;i<5;i++) i*i\n"),
		applet("cal", "cal", "2", "2024"),
		applet("date", "date", "-u", "-d", "@1706933106", "+%Y-%m-%dT%H:%M:%SZ %a %j"),
		applet("printf", "printf", "%05d|%-8s|%.3f|%x\\n", "42", "left", "2.5", "255"),
		applet("echo", "echo", "-e", `a\tb\0101`),
		applet("cat", "cat", "/in/text", "-", "/in/missing").from("between\n"),
		applet("tee", "tee", "/out/kept").from(few),
		applet("uniq-repeated", "uniq", "-d", "/in/few"),
		applet("ed", "ed", "-p", "*", "/data/old").from("1p\ns/old/edited/\nw\nq\n"),
	}
}

// fileCommands look at and change trees.
func fileCommands() []command {
	return []command{
		applet("ls", "ls", "-la", "/in/folder"),
		applet("ls-links", "ls", "-l", "/in/links"),
		applet("ls-recursive", "ls", "-R", "/in/folder", "/data"),
		applet("ls-missing", "ls", "/in/missing", "/in/text"),
		applet("stat", "stat", "-c", "%n %s %a %u %g %F %Y %h %N", "/in/text", "/in/links/relative", "/data/old"),
		applet("find", "find", "/in/folder/deep", "-type", "f", "-name", "l*", "-size", "-2"),
		applet("find-newer", "find", "/data/sub", "-mtime", "+100"),
		applet("du", "du", "-s", "/in/none"),
		applet("readlink", "readlink", "-f", "/in/links/chain"),
		applet("realpath", "realpath", "/in/folder/../links/chain", "/data/./sub"),
		applet("basename", "basename", "/in/folder/file.txt", ".txt"),
		applet("dirname", "dirname", "/in/folder/file.txt"),
		applet("pwd", "pwd"),
		applet("cp", "cp", "-r", "/in/folder", "/in/text", "/out"),
		applet("cp-preserve", "cp", "-p", "/in/text", "/out/copy"),
		applet("mv", "mv", "/data/old", "/data/sub/new"),
		applet("mv-across", "mv", "/data/sub", "/data/old", "/out"),
		applet("rm", "rm", "-rv", "/data/sub", "/data/old"),
		applet("rm-read-only", "rm", "-f", "/in/text"),
		applet("mkdir", "mkdir", "-p", "-m", "750", "/out/a/b/c", "/out/d"),
		applet("rmdir", "rmdir", "/data/sub"),
		applet("touch", "touch", "-d", "@1000000000", "/out/touched"),
		applet("chmod", "chmod", "-R", "u+x,go-r", "/data"),
		applet("truncate", "truncate", "-s", "5", "/data/old"),
		applet("fallocate", "fallocate", "-l", "1000", "/out/space"),
		applet("dd", "dd", "if=/in/words", "of=/out/part", "bs=1000", "skip=3", "count=4", "status=none"),
		applet("dd-seek", "dd", "if=/in/text", "of=/data/old", "bs=1", "seek=4", "conv=notrunc", "status=none"),
		applet("sort-to-file", "sort", "-o", "/out/sorted", "/in/few"),
		applet("test", "test", "-d", "/in/folder", "-a", "-f", "/in/text"),
		applet("test-not", "test", "-w", "/in/text"),
		applet("env", "env"),
		applet("id", "id", "-u"),
		applet("uname", "uname", "-sm"),
		applet("nproc", "nproc"),
		applet("true", "true"),
		applet("false", "false"),
		applet("sleep", "sleep", "0.05"),
		applet("unknown", "no-such-applet"),
		applet("usage", "cut"),
		{name: "e2fsck", program: e2fsck, args: []string{"-f", "-n", "/data/image"}},
	}
}

// packCommands pack, unpack, sign and check.
func packCommands() []command {
	few := inflate("few.gz")
	return []command{
		applet("gzip", "gzip", "-9", "-c").from(few),
		applet("gunzip", "gunzip", "-c", "/in/few.gz"),
		applet("bzip2", "bzip2", "-c").from(few),
		applet("bunzip2", "bunzip2", "-c", "/in/few.bz2"),
		applet("unxz", "unxz", "-c", "/in/few.xz"),
		applet("unlzma", "unlzma", "-c", "/in/few.lzma"),
		applet("lzop", "lzop", "-c").from(few),
		applet("unzip", "unzip", "-o", "/in/few.zip", "-d", "/out"),
		applet("unzip-list", "unzip", "-l", "/in/few.zip"),
		applet("tar-list", "tar", "-tvf", "/in/tree.tar"),
		applet("tar-extract", "tar", "-xf", "/in/tree.tar", "-C", "/out"),
		applet("tar-create", "tar", "-cf", "/out/made.tar", "-C", "/in", "text", "few"),
		applet("cpio", "cpio", "-o", "-H", "newc").from("/in/missing\n"),
		applet("damaged", "gunzip", "-c", "/in/damaged.gz"),
		applet("uuencode", "uuencode", "/in/text", "name"),
		{name: "gpgv", program: gpgv, args: []string{"--keyring", "/in/ring.gpg", "/in/few.sig", "/in/few"}},
		{name: "gpgv-bad", program: gpgv, args: []string{"--keyring", "/in/ring.gpg", "/in/few.sig", "/in/text"}},
	}
}

// shellCommands are scripts of builtins in five shells.
func shellCommands() []command {
	const loop = `i=0; while [ $i -lt 20 ]; do i=$((i+3)); echo "$i $((i*i))"; done
while read a b c; do echo "$b/$a"; done < /in/text > /out/turned
for f in /in/*; do echo "$f"; done
cd /in/folder; pwd; umask 077; echo secret > /out/secret; umask
[ -f inner ] && echo there; [ -d deep ] && echo folder; [ -L /in/links/chain ] && echo link
set -- one two three; shift; echo "$# $1"; f() { echo "in f $1"; return 4; }; f x; echo $?
case abc in a*) echo matches;; esac; x=path.tar.gz; echo ${x%.gz} ${x#*.} ${#x} ${unset-default}
trap 'echo leaving' EXIT; exit 9`
	return []command{
		applet("ash", "ash", "-c", loop),
		{name: "bash", program: bash, args: []string{"--norc", "--noprofile", "-c", loop}},
		{name: "bash-more", program: bash, args: []string{"--norc", "-c", `declare -A m=([a]=1 [b]=2); echo ${m[a]} ${#m[@]}
a=(3 1 2); echo ${a[@]:1} ${!a[@]}; printf '%s-%03d\n' x 5 y 6; [[ abc123 =~ ([0-9]+) ]] && echo ${BASH_REMATCH[1]}
read -r line < /in/text; echo "${line^^}"; mapfile -t l < /in/text; echo ${#l[@]}; echo $((16#ff ** 2)) $((7/2))
for ((i=0;i<3;i++)); do echo -n "$i "; done; echo; echo {a..e}{1,2}; read x y <<< "here string"; echo $y; kill -TERM $$; echo not reached`}},
		{name: "zsh", program: zsh, args: []string{"-f", "-c", "print ${(U):-upper} $((3.0/7)); a=(c a b); print ${(o)a}; for f (/in/f*(N)) print $f:t; print -l {1..3}; print $#a > /out/z; exit 5"}},
		{name: "mksh", program: mksh, args: []string{"-c", loop}},
		{name: "sash", program: sash, args: []string{"-c", "-ls /in/folder"}},
		{name: "bash-missing", program: bash, args: []string{"/in/missing"}},
		{name: "bash-stdin", program: bash, args: []string{"--norc"}, stdin: "echo from stdin\nread x\nthe next line\necho $x\nexit 6\n"},
	}
}

// commandInput is what /in holds for the commands.
func commandInput() Tree {
	few := inflate("few.gz")
	in := Tree{
		"text":             text,
		"other":            strings.Replace(text, "second", "changed", 1) + "one more\n",
		"few":              few,
		"words":            strings.Repeat(few, 8),
		"damaged.gz":       file("few.gz")[:3000],
		"tree.tar":         inflate("tree.tar.gz"),
		"folder/inner":     "inner\n",
		"folder/deep/leaf": "leaf\n",
		"none/":            "",
		"links/relative":   linkMark + "../text",
		"links/chain":      linkMark + "relative",
		"links/dangling":   linkMark + "/nowhere",
	}
	for _, name := range []string{"few.gz", "few.bz2", "few.xz", "few.lzma", "few.zip", "few.sig", "ring.gpg"} {
		in[name] = file(name)
	}
	return in
}

// file gives one of the files of testdata, which are part of the program.
func file(name string) string {
	b, err := testdata.ReadFile("testdata/" + name)
	if err != nil {
		return "" // The commands that read it fail on Linux already.
	}
	return string(b)
}

// inflate gives the content of a gzip file of testdata.
func inflate(name string) string {
	r, err := gzip.NewReader(bytes.NewReader([]byte(file(name))))
	if err != nil {
		return ""
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return ""
	}
	return string(b)
}
