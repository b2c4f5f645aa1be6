#!/bin/bash
# up.sh [node]: starts a Kubernetes cluster and waits until it answers; prints its kubeconfig's path.
# Without a word: etcd and the control plane on 127.0.0.1, no root needed. With `node`: all of it in a network
# namespace (root), with containerd, kubelet, kube-proxy and CoreDNS: a node that runs pods, reachable from this
# machine and from nowhere else. NodePorts are at $MLIB_BED_NET.2, pods at $MLIB_BED_PODS.x. down.sh ends it.
# Bearer tokens: bed-admin-token may do all, bed-nobody-token nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../run.sh"
dir=$run/k
bin=$("$here/../build" kubernetes)
[ ! -e "$dir/pids" ] || { echo "a cluster is up in $dir (down.sh ends it)" >&2; exit 1; }
mkdir -p "$dir/log" "$dir/pki"
: > "$dir/pids"
addr=127.0.0.1
inside=()

if [ "${1:-}" = node ]; then
  [ "$(id -u)" = 0 ] || { echo "a node needs root" >&2; exit 1; }
  addr=$net.2
  ns=mb$port
  echo "$ns" > "$dir/netns"
  ip netns add "$ns"
  ip link add "v$ns" type veth peer name eth0 netns "$ns"
  ip addr add "$net.1/24" dev "v$ns"
  ip link set "v$ns" up
  # Not `ip netns exec`: that mounts a new /sys, without the cgroups.
  inside=(nsenter "--net=/run/netns/$ns")
  "${inside[@]}" ip link set lo up
  "${inside[@]}" ip addr add "$addr/24" dev eth0
  "${inside[@]}" ip link set eth0 up
fi

start() { # NAME COMMAND...
  local name=$1
  shift
  "${inside[@]}" "$@" > "$dir/log/$name.log" 2>&1 < /dev/null &
  note $! "$name"
  disown $!
}

# --- certificates, keys, kubeconfigs ---------------------------------------
pki=$dir/pki
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365)
openssl req -x509 "${key[@]}" -subj /CN=bed-ca -keyout "$pki/ca.key" -out "$pki/ca.crt" \
  -addext keyUsage=critical,keyCertSign,cRLSign 2> /dev/null
names=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:bed-node
cert() { # FILE SUBJECT
  openssl req -x509 "${key[@]}" -subj "$2" -keyout "$pki/$1.key" -out "$pki/$1.crt" \
    -CA "$pki/ca.crt" -CAkey "$pki/ca.key" \
    -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
    -addext extendedKeyUsage=serverAuth,clientAuth \
    -addext "subjectAltName=$names,IP:127.0.0.1,IP:10.96.0.1,IP:$net.1,IP:$net.2" 2> /dev/null
}
conf() { # NAME SUBJECT: a client certificate and a kubeconfig that holds it
  cert "$1" "$2"
  cat > "$dir/$1.conf" << YAML
apiVersion: v1
kind: Config
clusters: [{name: bed, cluster: {server: "https://$addr:$port", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$pki/$1.crt"), client-key-data: $(base64 -w0 "$pki/$1.key")}}]
contexts: [{name: bed, context: {cluster: bed, user: $1}}]
current-context: bed
YAML
}
cert server /CN=bed-server
tls=(--cert-dir "$pki" --tls-cert-file "$pki/server.crt" --tls-private-key-file "$pki/server.key")
conf admin /O=system:masters/CN=admin
conf controller-manager /CN=system:kube-controller-manager
conf scheduler /CN=system:kube-scheduler
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$pki/sa.key" 2> /dev/null
openssl pkey -in "$pki/sa.key" -pubout -out "$pki/sa.pub"
printf '%s\n' 'bed-admin-token,token-admin,1,"system:masters"' 'bed-nobody-token,token-nobody,2' > "$pki/tokens.csv"

# --- control plane ----------------------------------------------------------
kubectl() { "$bin/kubectl" --kubeconfig "$dir/admin.conf" "$@"; }
web() { curl -sf --max-time 5 --cacert "$pki/ca.crt" -H 'Authorization: Bearer bed-admin-token' "https://$addr:$1"; }
etcd=http://$addr:$((port + 1))
peer=http://$addr:$((port + 2))
start etcd "$bin/etcd" --name bed --data-dir "$dir/etcd" --log-level warn --unsafe-no-fsync \
  --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
  --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "bed=$peer"
start kube-apiserver "$bin/kube-apiserver" --etcd-servers "$etcd" \
  --bind-address "$addr" --secure-port "$port" --advertise-address "$net.2" "${tls[@]}" \
  --client-ca-file "$pki/ca.crt" --token-auth-file "$pki/tokens.csv" --authorization-mode Node,RBAC \
  --service-account-issuer https://kubernetes.default.svc \
  --service-account-signing-key-file "$pki/sa.key" --service-account-key-file "$pki/sa.pub" \
  --service-cluster-ip-range 10.96.0.0/16 --allow-privileged \
  --kubelet-client-certificate "$pki/admin.crt" --kubelet-client-key "$pki/admin.key" \
  --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP
await 120 "ready API server" web "$port/readyz" # the next two end themselves when nobody answers
for name in controller-manager scheduler; do
  file=$dir/$name.conf
  more=(--secure-port $((port + 4)))
  [ $name = scheduler ] || more=(--secure-port $((port + 3)) --use-service-account-credentials
    --service-account-private-key-file "$pki/sa.key" --root-ca-file "$pki/ca.crt"
    --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" --enable-hostpath-provisioner
    --node-monitor-grace-period 24h) # nobody's kubelet reports for the made nodes of gpu-nodes.yaml
  start kube-$name "$bin/kube-$name" --kubeconfig "$file" --authentication-kubeconfig "$file" \
    --authorization-kubeconfig "$file" --bind-address "$addr" "${tls[@]}" --leader-elect=false "${more[@]}"
done
await 60 "healthy controller manager" web "$((port + 3))/healthz"
await 60 "healthy scheduler" web "$((port + 4))/healthz"
await 60 "default service account" web "$port/api/v1/namespaces/default/serviceaccounts/default"
kubectl apply --server-side -f "$here/storageclass.yaml" > /dev/null
[ "${1:-}" != node ] || source "$here/node.sh"
echo "$dir/admin.conf"
