# A whole Kubernetes from Go modules: out/kube holds etcd, the control plane, kubelet, kube-proxy and kubectl, with a
# link for each name; out/coredns; out/pod.tar is the image bed.local/pod:1 (the pod sandbox, and small workloads).
# Cold: some 10 minutes of CPU time on each of two cores, 2.4 GB of memory to link, 3.2 GB of Go's caches.
enough() { command -v go > /dev/null && [[ $(go env GOVERSION) =~ ^go1\.([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 24 ]; }
if ! enough; then
  say "there is no Go of version 1.24 or later here; fetching one"
  PATH=$("$beds_here/build" go 2>&3)/go/bin:$PATH
fi
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath"
cp -r "$recipe"/* .
chmod -R u+w .
say "downloading Go modules"
retry 4 go mod download
retry 4 go -C dns mod download

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=$(cut -d. -f2 <<< "$version")
stamp=""
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  stamp+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$minor -X $package.gitTreeState=clean"
done
compile() { # FOLDER OUT [LDFLAGS]: in a loop, since a download may still fail here
  say "compiling $2"
  retry 2 go -C "$1" build -p 2 -ldflags "-s -w ${3:-}" -o "$PWD/$2" .
}
compile dns out/coredns
compile cmd/pod pod
compile cmd/kube out/kube "$stamp"
for name in etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl; do
  ln -s kube "out/$name"
done
mkdir root
cp pod root/
image bed.local/pod:1 out/pod.tar root '{"Entrypoint":["/pod"]}'
