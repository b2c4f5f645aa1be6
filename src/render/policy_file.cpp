#include "render/policy_file.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "render/policy.hpp"

namespace mlib::render {
namespace {

struct Text {
  cards::Dict<std::vector<std::string>> frameworks;

  template <class D>
  void describe(D& d) {
    d.field("frameworks", frameworks, {.help = "Rules that are lifted, by framework"});
  }
};

void check_rules(schema::Reader& reader, const Node& document) {
  const Node* frameworks = document.find("frameworks");
  if (frameworks == nullptr || !frameworks->is_map()) return;
  for (const schema::Entry& entry : frameworks->entries()) {
    if (!entry.value.is_list()) continue;
    for (const Node& rule : entry.value.items()) {
      if (!rule.is_string() || is_policy_rule(rule.string())) continue;
      reader.report(Fault::not_allowed, rule,
                    fmt::format("`{}` is no rule of the policy", shortened(rule.string(), 60)),
                    suggestion(rule.string(), policy_rules()));
    }
  }
}

}  // namespace

PolicyFile read_policy(const schema::Source& source) {
  const std::vector<Node> documents = schema::read_yaml(source);
  if (documents.empty()) return {};
  schema::Reader reader(&source);
  if (documents.size() > 1) reader.report(Fault::limit, documents[1], "a policy file is one document");
  Text text = schema::decode<Text>(reader, documents.front());
  check_rules(reader, documents.front());
  if (!reader.findings.empty())
    throw Problem(Kind::invalid, fmt::format("the policy file {} is not valid", source.file),
                  "the rules are listed in docs/policy.md", std::move(reader.findings));
  return {std::move(text.frameworks)};
}

}  // namespace mlib::render
