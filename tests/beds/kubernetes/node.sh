# shellcheck shell=bash disable=SC2154
# Sourced by up.sh: containerd, kubelet, kube-proxy and CoreDNS in the namespace, and one image, bed.local/pod:1.
# Everything the node writes is under $dir but for its cgroups, which are below /$ns.
node=$dir/node
mkdir -p "$node/cni" "$node/kubelet"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then # cgroup v2 only
  echo '+cpu +memory +pids +cpuset +io' > /sys/fs/cgroup/cgroup.subtree_control || true
  mkdir -p "/sys/fs/cgroup/$ns"
else
  for controller in /sys/fs/cgroup/*/; do
    case $controller in */unified/) ;; *) mkdir -p "$controller/$ns" ;; esac
  done
  # A cpuset group starts with none; containers would not start in it.
  for file in cpuset.cpus cpuset.mems; do
    [ ! -e "/sys/fs/cgroup/cpuset/$file" ] || cat "/sys/fs/cgroup/cpuset/$file" > "/sys/fs/cgroup/cpuset/$ns/$file"
  done
fi
"${inside[@]}" sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward
  echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
  [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables'
ip route replace "$pods.0/24" via "$addr" # this machine can reach pods, too
"${inside[@]}" ip route add 10.96.0.0/16 dev eth0 # a route, so that the rules get to see it

cat > "$node/cni/10-bed.conflist" << JSON
{"cniVersion": "0.4.0", "name": "bed", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$node/ipam", "ranges": [[{"subnet": "$pods.0/24"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
plugins=/usr/lib/cni
[ -e $plugins/bridge ] || plugins=/opt/cni/bin
cat > "$node/containerd.toml" << TOML
version = 2
root = "$node/containerd"
state = "$node/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "$node/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "bed.local/pod:1"
  disable_apparmor = true
  restrict_oom_score_adj = true # without CAP_SYS_RESOURCE nothing can go below 0
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$node/certs.d" # a test that starts a registry says there that it speaks plain HTTP
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$plugins"
    conf_dir = "$node/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
TOML
start containerd containerd --config "$node/containerd.toml"
await 60 containerd ctr --address "$node/containerd.sock" version
"$here/load.sh" "$bin/pod.tar"

conf kubelet /O=system:nodes/CN=system:node:bed-node
conf kube-proxy /CN=system:kube-proxy
cat > "$node/kubelet.yaml" << YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $addr
port: 10250
healthzBindAddress: 127.0.0.1
tlsCertFile: $pki/server.crt
tlsPrivateKeyFile: $pki/server.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://$node/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$ns
failCgroupV1: false
failSwapOn: false
podLogsDir: $node/pod-logs
volumePluginDir: $node/volume-plugins
resolvConf: ""
clusterDomain: cluster.local
clusterDNS: [$addr]
evictionHard: {}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
nodeStatusUpdateFrequency: 5s
syncFrequency: 10s
registerNode: true
oomScoreAdj: 0
YAML
cat > "$node/Corefile" << TEXT
.:53 {
  bind $addr
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local {
    kubeconfig $dir/admin.conf
    pods insecure
  }
  cache 2
}
TEXT
cat > "$node/proxy.yaml" << YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
bindAddress: $addr
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: {kubeconfig: $dir/kube-proxy.conf}
clusterCIDR: $pods.0/24
hostnameOverride: bed-node
oomScoreAdj: 0
conntrack: {maxPerCore: 0}
YAML
start coredns "$bin/coredns" -conf "$node/Corefile"
start kubelet "$bin/kubelet" --config "$node/kubelet.yaml" --kubeconfig "$dir/kubelet.conf" \
  --root-dir "$node/kubelet" --cert-dir "$pki" --hostname-override bed-node --node-ip "$addr"
start kube-proxy "$bin/kube-proxy" --config "$node/proxy.yaml"
await 90 "ready node" kubectl wait --for condition=Ready --timeout 1s node/bed-node
await 60 "resolved names" "${inside[@]}" curl -sf --max-time 2 http://127.0.0.1:8181/ready
