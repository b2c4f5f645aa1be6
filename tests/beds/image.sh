# shellcheck shell=bash
# Sourced: writes container images by hand, so that neither a registry nor a container tool is needed.

# image NAME TAR ROOT CONFIG: an OCI archive with one layer, the folder ROOT; CONFIG is the JSON object `config` of
# the image. `podman load -i` and `ctr images import` read it. The same input gives the same bytes.
image() {
  local at=oci blobs=oci/blobs/sha256 arch layer config manifest
  local kind=application/vnd.oci.image
  case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
  rm -rf $at
  mkdir -p $blobs
  _blob() { # FILE: moves it to where its hash says, and gives the descriptor's last two fields
    local sum size
    sum=$(sha256sum "$1" | cut -d' ' -f1)
    size=$(stat -c %s "$1")
    mv "$1" "$blobs/$sum"
    printf '"digest":"sha256:%s","size":%d' "$sum" "$size"
  }
  _tar() { tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 "$@"; }
  _tar -C "$3" -cf $at/layer .
  layer=$(_blob $at/layer)
  printf '{"architecture":"%s","os":"linux","config":%s,"rootfs":{"type":"layers","diff_ids":[%s]}}' \
    "$arch" "$4" "$(sed -E 's/.*("sha256:[0-9a-f]+").*/\1/' <<< "$layer")" > $at/config
  config=$(_blob $at/config)
  printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json",%s},' \
    $kind $kind "$config" > $at/manifest
  printf '"layers":[{"mediaType":"%s.layer.v1.tar",%s}]}' $kind "$layer" >> $at/manifest
  manifest=$(_blob $at/manifest)
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json",%s,"annotations":{' \
    $kind "$manifest" > $at/index.json
  printf '"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' "$1" "$1" >> $at/index.json
  echo '{"imageLayoutVersion":"1.0.0"}' > $at/oci-layout
  _tar -C $at -cf "$2" index.json oci-layout blobs
  rm -rf $at
}
