package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// docker is a Docker daemon of the bench's own, apart from any that the machine
// may run: its data, state, process id and socket are in the bench's folders.
type docker struct {
	h      *harness
	daemon *exec.Cmd
	done   chan struct{} // closed when the daemon has been waited for
}

func (d *docker) socket() string { return "unix://" + filepath.Join(d.h.runDir, "docker.sock") }

// client is a command line of the docker client for this daemon.
func (d *docker) client(args ...string) []string {
	return append([]string{"docker", "--host", d.socket()}, args...)
}

func (d *docker) ready(ctx context.Context) (string, error) {
	if err := needRoot(); err != nil {
		return "", err
	}
	if err := d.start(ctx); err != nil {
		return "", err
	}
	text, err := d.h.textOf(ctx, d.client("version", "--format",
		"Docker {{.Server.Version}}{{range .Server.Components}}{{if ne .Name \"Engine\"}}, {{.Name}} {{.Version}}{{end}}{{end}}")...)
	return text + d.h.debianVersion(ctx, "dockerd"), err
}

// start starts dockerd, and with it its containerd, if it does not run, and
// waits until it answers.
//
// The vfs storage driver copies an image's files where others mount them; it
// works on every file system, and these images hold one small file. Without
// bridge and iptables the daemon leaves the host's network alone; containers
// have no network anyway.
func (d *docker) start(ctx context.Context) error {
	if d.daemon != nil {
		return nil
	}
	h := d.h
	log, err := os.Create(filepath.Join(h.dir, "dockerd.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("dockerd", "--storage-driver=vfs", "--bridge=none", "--iptables=false",
		"--data-root", filepath.Join(h.dir, "docker"),
		"--exec-root", filepath.Join(h.runDir, "docker"),
		"--pidfile", filepath.Join(h.runDir, "docker.pid"),
		"--host", d.socket())
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own, so that an interrupt from the terminal reaches the
	// bench alone, which then stops the daemon in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	d.daemon, d.done = cmd, done
	h.keep[cmd.Process.Pid] = true
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if _, err := h.textOf(ctx, d.client("version")...); err == nil {
			return nil
		}
		select {
		case <-done:
			d.daemon = nil
			return fmt.Errorf("dockerd ended at once, see %s: %s", log.Name(), lastErrorIn(log.Name()))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return fmt.Errorf("dockerd does not answer after a minute, see %s", log.Name())
}

// stop ends the daemon by its process id; it ends its containerd.
func (d *docker) stop() {
	if d.daemon == nil {
		return
	}
	pid := d.daemon.Process.Pid
	d.daemon.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(30 * time.Second):
		d.daemon.Process.Kill()
		<-d.done
	}
	d.daemon = nil
	delete(d.h.keep, pid)
}

// prepare imports w's root as an image, once for each content. The daemon runs
// from then on, until a measure that needs it gone stops it.
func (d *docker) prepare(ctx context.Context, w workload) (func() []string, error) {
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	image, err := d.image(ctx, w)
	if err != nil {
		return nil, err
	}
	return func() []string {
		return d.client(d.runArguments(w, image, "--rm", "--name", d.h.nextID("docker"))...)
	}, nil
}

func (d *docker) runArguments(w workload, image string, flags ...string) []string {
	args := append([]string{"run", "--network=none"}, flags...)
	for _, m := range w.mounts() {
		volume := m.host + ":" + m.guest
		if m.readOnly {
			volume += ":ro"
		}
		args = append(args, "--volume", volume)
	}
	return append(append(args, image, "/program"), w.args...)
}

func (d *docker) image(ctx context.Context, w workload) (string, error) {
	rootfs, err := d.h.rootfs(w)
	if err != nil {
		return "", err
	}
	program, err := os.ReadFile(filepath.Join(rootfs, "program"))
	if err != nil {
		return "", err
	}
	image := fmt.Sprintf("spaceos-bench/%s:%x", w.name, sha256.Sum256(program))[:len("spaceos-bench/")+len(w.name)+13]
	if _, err := d.h.textOf(ctx, d.client("image", "inspect", image)...); err == nil {
		return image, nil
	}
	archive, err := imageTar(program)
	if err != nil {
		return "", err
	}
	argv := d.client("import", "-", image)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(archive)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("docker import: %w: %s", err, lastLine(string(out)))
	}
	return image, nil
}

// imageTar is the file system of an image: the static program alone.
func imageTar(program []byte) ([]byte, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	header := &tar.Header{Name: "program", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// lastErrorIn finds the reason in the daemon's log.
func lastErrorIn(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	last := lastLine(string(data))
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, "level=error") || strings.Contains(line, "level=fatal") || strings.HasPrefix(line, "failed") {
			last = strings.TrimSpace(line)
		}
	}
	return last
}
