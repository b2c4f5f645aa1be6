#include "render/weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace mlib::render {
namespace {

/// Constant: every value comes by environment. Continues a broken download, tries ten times, checks what it
/// has a checksum for (another one twice is the end), and says in the log how far it is.
constexpr std::string_view script = R"sh(set -u
target="/models/$FILE"
part="$target.part"
say() { echo "weights: $*"; }
size() { wc -c < "$part" 2>/dev/null || echo 0; }
watch() { while sleep 5; do say "`size` bytes of $FILE"; done; }
ask() { curl -fsSL --connect-timeout 20 --speed-limit 1000 --speed-time 60 -C - -w '%{http_code}' -o "$part" "$@" "$URL"; }
get() {
  if command -v curl >/dev/null 2>&1; then
    if [ -n "${HF_TOKEN:-}" ]; then
      code=$(printf 'header = "Authorization: Bearer %s"\n' "$HF_TOKEN" | ask -K -)
    else
      code=$(ask)
    fi
  elif [ -n "${HF_TOKEN:-}" ]; then
    wget -q -T 60 -c --header "Authorization: Bearer $HF_TOKEN" -O "$part" "$URL"
  else
    wget -q -T 60 -c -O "$part" "$URL"
  fi
}
sound() {
  [ -n "${SHA256:-}" ] || return 0
  say "checking SHA-256 of $FILE"
  echo "$SHA256  $part" | sha256sum -c - >/dev/null 2>&1
}
if [ -f "$target" ]; then say "$FILE is here"; exit 0; fi
others=0 code= end="giving up on $URL"
watch & watcher=$!
trap 'kill $watcher 2>/dev/null' EXIT
for try in 1 2 3 4 5 6 7 8 9 10; do
  say "fetching $URL, try $try of 10"
  if get; then
    if sound; then mv "$part" "$target"; say "$FILE is complete"; exit 0; fi
    rm -f "$part"
    others=$((others + 1))
    if [ "$others" = 2 ]; then end="$URL has another SHA-256 than $SHA256, twice"; break; fi
    say "$FILE has another SHA-256 than $SHA256: starting over"
  elif [ -n "${SHA256:-}" ] && sound; then
    mv "$part" "$target"; say "$FILE is complete"; exit 0
  fi
  case $code in
    401 | 403) end="$URL is not for everybody (HTTP $code); a gated model of the hub wants its terms accepted and, on a cluster, a token in Secret hf-token, key token"; break ;;
    404 | 410) end="$URL is not there (HTTP $code)"; break ;;
  esac
  sleep "$try"
done
say "$end"
exit 1
)sh";

[[noreturn]] void refuse(const cards::Source& source, std::string why, std::string hint) {
  Finding finding;
  finding.fault = Fault::not_allowed;
  finding.message = fmt::format("weights `{}`: {}", shortened(source.uri, 120), why);
  finding.hint = std::move(hint);
  throw Problem(Kind::invalid, "the weights cannot be used", "", {finding});
}

/// What follows `scheme://`, when `uri` has that scheme.
std::optional<std::string> after(std::string_view uri, std::string_view scheme) {
  if (!uri.starts_with(scheme) || !uri.substr(scheme.size()).starts_with("://")) return {};
  return std::string(uri.substr(scheme.size() + 3));
}

constexpr std::array<std::string_view, 5> schemes{"file", "hf", "https", "pvc", "image"};

std::string basename(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

/// `..`, `.`, or nothing between two slashes.
bool has_bad_step(std::string_view path) {
  if (path.find("//") != std::string_view::npos) return true;
  const std::vector<std::string> steps = split(path, '/');
  return std::any_of(steps.begin(), steps.end(),
                     [](const std::string& step) { return step == ".." || step == "."; });
}

/// An address that can be asked for, and holds no password.
void check_address(const cards::Source& source) {
  const std::string_view rest = std::string_view(source.uri).substr(source.uri.find("://") + 3);
  const bool visible_only = std::all_of(rest.begin(), rest.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (!visible_only)
    refuse(source, "an address holds no blanks and ASCII only", "write other characters as %XX");
  if (rest.substr(0, rest.find('/')).find('@') != std::string_view::npos)
    refuse(source, "an address must not hold a user or password",
           "everybody who sees the objects would see it");
}

/// The steps below a home folder (/root, /home/NAME); nothing when `folder` is in none.
std::optional<std::vector<std::string>> below_home(const std::string& folder) {
  const std::vector<std::string> steps = split(folder, '/');  // "", "home", NAME, …
  const std::size_t home = steps.size() > 1 && steps[1] == "root" ? 2 : 3;
  if (steps.size() < 2 || (steps[1] != "root" && steps[1] != "home")) return {};
  if (steps.size() <= home) return std::vector<std::string>{};
  return std::vector<std::string>(steps.begin() + static_cast<std::ptrdiff_t>(home), steps.end());
}

/// No pod gets to see the machine's own folders, a home as a whole, or what is hidden in it but for caches.
bool is_system_folder(const std::string& folder) {
  static constexpr std::array<std::string_view, 18> closed{"/etc/",
                                                           "/proc/",
                                                           "/sys/",
                                                           "/dev/",
                                                           "/run/",
                                                           "/boot/",
                                                           "/bin/",
                                                           "/sbin/",
                                                           "/lib/",
                                                           "/lib64/",
                                                           "/usr/",
                                                           "/var/run/",
                                                           "/var/log/",
                                                           "/var/spool/",
                                                           "/var/lib/kubelet/",
                                                           "/var/lib/containers/",
                                                           "/var/lib/containerd/",
                                                           "/var/lib/etcd/"};
  if (folder.empty() || folder == "/" || folder == "/var" || folder == "/var/lib") return true;
  if (const auto steps = below_home(folder)) {
    // A home's .local/share/containers holds podman's own secrets.
    return steps->empty() || std::any_of(steps->begin(), steps->end(), [](const std::string& step) {
             return (step.starts_with('.') && step != ".cache" && step != ".local") || step == "containers";
           });
  }
  const std::string slashed = folder + "/";
  return std::any_of(closed.begin(), closed.end(),
                     [&](std::string_view each) { return slashed.starts_with(each); });
}

Node entry(std::string_view name, Node value) {
  Node map = Node::map();
  map.set("name", name);
  map.set("value", std::move(value));
  return map;
}

Node mount(std::string_view access) {
  Node map = Node::map();
  map.set("name", weights_volume);
  map.set("mountPath", weights_mount);
  if (access == "read-only") map.set("readOnly", true);
  return map;
}

Node volume(std::string_view kind, Node content) {
  Node map = Node::map();
  map.set("name", weights_volume);
  map.set(kind, std::move(content));
  return map;
}

Node claim_volume(const std::string& claim) {
  Node content = Node::map();
  content.set("claimName", claim);
  return volume("persistentVolumeClaim", std::move(content));
}

Weights from_folder(const cards::Source& source, const std::string& path) {
  if (!path.starts_with('/')) refuse(source, "the path must be absolute", "as in file:///srv/models/a.gguf");
  if (has_bad_step(path)) refuse(source, "the path must not hold `..`, `.` or `//`", "");
  const std::string folder = path.substr(0, path.rfind('/'));
  if (is_system_folder(folder))
    refuse(source, fmt::format("the folder `{}` belongs to the system", folder.empty() ? "/" : folder),
           "put the weights into a folder of their own, as in /srv/models");
  Weights weights;
  Node content = Node::map();
  content.set("path", folder);
  content.set("type", "Directory");
  weights.volumes.push(volume("hostPath", std::move(content)));
  weights.mounts.push(mount("read-only"));
  weights.path = fmt::format("{}/{}", weights_mount, basename(path));
  return weights;
}

Weights from_claim(const cards::Source& source, const std::string& rest) {
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string claim = rest.substr(0, slash);
  const std::string path = rest.substr(std::min(slash + 1, rest.size()));
  if (!is_dns_label(claim)) refuse(source, "the claim's name is not valid", "as in pvc://CLAIM/PATH");
  if (path.empty() || has_bad_step(path))
    refuse(source, "the path in the claim is missing or holds `..`", "");
  Weights weights;
  weights.volumes.push(claim_volume(claim));
  weights.mounts.push(mount("read-only"));
  weights.path = fmt::format("{}/{}", weights_mount, path);
  return weights;
}

/// hf://ORG/REPO/FILE[@REVISION] at the hub.
std::string hub_url(const cards::Source& source, const std::string& rest) {
  check_address(source);
  const std::size_t first = rest.find('/');
  const std::size_t second = first == std::string::npos ? first : rest.find('/', first + 1);
  if (second == std::string::npos || second + 1 >= rest.size())
    refuse(source, "it does not name a file of a repository", "as in hf://ORG/REPO/FILE");
  const std::size_t at = rest.rfind('@');
  const bool pinned = at != std::string::npos && at > second;
  const std::string file = rest.substr(second + 1, pinned ? at - second - 1 : std::string::npos);
  const std::string revision = pinned ? rest.substr(at + 1) : "main";
  return fmt::format("https://huggingface.co/{}/resolve/{}/{}", rest.substr(0, second), revision, file);
}

Node fetcher(const cards::Source& source, const std::string& url, const std::string& image) {
  const std::string file = basename(url.substr(0, url.find_first_of("?#")));
  if (file.empty() || file == "..") refuse(source, "it does not name a file", "");
  Node env = Node::list();
  env.push(entry("URL", url));
  env.push(entry("FILE", file));
  if (!source.sha256.empty()) env.push(entry("SHA256", source.sha256));
  if (source.uri.starts_with("hf:")) {
    Node from = Node::map();
    Node& key = from.child("secretKeyRef");
    key.set("name", hub_secret);
    key.set("key", "token");
    key.set("optional", true);
    Node token = Node::map();
    token.set("name", "HF_TOKEN");
    token.set("valueFrom", std::move(from));
    env.push(std::move(token));
  }
  Node command = Node::list();
  for (const std::string_view word : {std::string_view("sh"), std::string_view("-c"), script})
    command.push(word);
  Node container = Node::map();
  container.set("name", "fetch-weights");
  container.set("image", image);
  container.set("command", std::move(command));
  container.set("env", std::move(env));
  Node mounts = Node::list();
  mounts.push(mount("read-write"));
  container.set("volumeMounts", std::move(mounts));
  Node& security = container.child("securityContext");
  // Claims belong to root; without its capabilities root is a user like any other.
  security.set("runAsUser", 0);
  security.set("allowPrivilegeEscalation", false);
  Node all = Node::list();
  all.push("ALL");
  security.child("capabilities").set("drop", std::move(all));
  return container;
}

Weights fetched(const cards::Source& source, const std::string& url, const Fetching& fetching) {
  if (fetching.image.empty())
    refuse(source, "they must be downloaded, and the framework has no `fetch_image` for that",
           "give a folder instead (file:///…), or set fetch_image to an image with sh and curl");
  Weights weights;
  weights.init.push(fetcher(source, url, fetching.image));
  weights.uses_claim = !fetching.claim.empty();
  weights.volumes.push(weights.uses_claim ? claim_volume(fetching.claim) : volume("emptyDir", Node::map()));
  weights.mounts.push(mount("read-only"));
  weights.path = fmt::format("{}/{}", weights_mount, basename(url.substr(0, url.find_first_of("?#"))));
  return weights;
}

}  // namespace

std::optional<cards::Source> usable(const std::vector<cards::Source>& sources) {
  for (const cards::Source& source : sources)
    for (const std::string_view scheme : schemes)
      if (after(source.uri, scheme)) return source;
  return {};
}

Weights weights_of(const cards::Source& source, const Fetching& fetching) {
  if (const auto path = after(source.uri, "file")) return from_folder(source, *path);
  if (const auto rest = after(source.uri, "pvc")) return from_claim(source, *rest);
  if (const auto rest = after(source.uri, "hf")) return fetched(source, hub_url(source, *rest), fetching);
  if (after(source.uri, "https")) {
    check_address(source);
    return fetched(source, source.uri, fetching);
  }
  if (const auto path = after(source.uri, "image")) {
    if (!path->starts_with('/')) refuse(source, "the path must be absolute", "as in image:///models/a.gguf");
    Weights weights;
    weights.path = *path;
    return weights;
  }
  refuse(source, "this kind of source is not known", "known: hf://, https://, file://, pvc://, image://");
}

}  // namespace mlib::render
