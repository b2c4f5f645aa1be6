#include "targets/kubernetes.hpp"

#include "targets/kubernetes_parts.hpp"

namespace mlib::targets {
namespace {

class KubernetesTarget final : public Target {
 public:
  KubernetesTarget(net::Client& http, Clock& clock, KubernetesOptions options)
      : client_(http, clock, std::move(options.config), options.shared), causes_(std::move(options.causes)) {}

  std::string_view name() const override { return "kubernetes"; }
  std::string place() override {
    try {
      const std::optional<Node> system = client_.get({"v1", "Namespace", "", "kube-system"});
      return system ? kubernetes::uid_of(*system) : "";
    } catch (const Problem& problem) {
      if (problem.kind() != Kind::forbidden) throw;
      return "";
    }
  }

  std::vector<Change> plan(const Desired& desired) override {
    const kubernetes::Survey survey = kubernetes::survey(client_, desired, nullptr);
    kubernetes::require_accepted(survey);
    std::vector<Change> changes;
    if (survey.missing_namespace)
      changes.push_back(kubernetes::change_of(kube::id_of(*survey.missing_namespace), std::nullopt,
                                              survey.missing_namespace));
    for (const kubernetes::Item& item : survey.items)
      changes.push_back(kubernetes::change_of(item.id, item.live, item.after ? *item.after : item.object));
    for (const Owned& owned : survey.stale) {
      const kube::Id id{owned.api_version, owned.kind, owned.namespace_name, owned.name};
      changes.push_back(kubernetes::change_of(id, client_.get(id), std::nullopt));
    }
    return changes;
  }
  std::vector<Owned> apply(const Desired& desired, const LineSink& progress, const Cancel& cancel) override {
    return kubernetes::apply(client_, desired, progress, cancel);
  }
  Status observe(const Ref& ref) override { return kubernetes::observe(client_, ref, causes_); }
  void logs(const Ref& ref, const LogOptions& options, const LineSink& sink, const Cancel& cancel) override {
    kubernetes::logs(client_, ref, options, sink, cancel);
  }
  Removed remove(const Ref& ref, const RemoveOptions& options, const LineSink& progress,
                 const Cancel& cancel) override {
    try {
      return kubernetes::remove(client_, ref, options, progress, cancel);
    } catch (const Problem& problem) {
      std::vector<kube::Right> rights;
      for (const Owned& owned : options.known)
        for (const std::string_view verb : {"get", "delete"})
          rights.push_back({std::string(verb), {owned.api_version, owned.kind, owned.namespace_name, ""}});
      throw kubernetes::with_missing_rights(client_, problem, rights);
    }
  }
  std::vector<Event> events(const Ref& ref) override { return kubernetes::events(client_, ref); }
  std::vector<std::string> contents(const std::string& namespace_name) override {
    return kubernetes::contents(client_, namespace_name);
  }
  void remove_namespace(const std::string& namespace_name, const LineSink& progress,
                        const Cancel& cancel) override {
    kubernetes::remove_namespace(client_, namespace_name, progress, cancel);
  }
  std::vector<std::string> storage(const Ref& ref, const std::vector<Owned>& known) override {
    return kubernetes::storage(client_, ref, known);
  }
  std::vector<Capacity> capacity() override { return kubernetes::capacity(client_); }
  std::vector<Running> running(const Ref& ref) override { return kubernetes::running(client_, ref); }
  net::Answer send(net::Client& http, const net::Call& call, const net::BodySink& sink,
                   const Cancel* cancel) override {
    return kubernetes::send(client_, http, call, sink, cancel);
  }

 private:
  kube::Client client_;
  cards::Causes causes_;
};

}  // namespace

std::unique_ptr<Target> kubernetes_target(net::Client& http, Clock& clock, KubernetesOptions options) {
  return std::make_unique<KubernetesTarget>(http, clock, std::move(options));
}

std::unique_ptr<kube::Informers> kubernetes_watches(net::Client& http, Clock& clock, int direct) {
  return std::make_unique<kube::Informers>(http, clock, kubernetes::watched_kinds(), direct);
}

}  // namespace mlib::targets
