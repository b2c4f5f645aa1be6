#include "api/kubeflow.hpp"

#include <doctest/doctest.h>

#include "api/desk.hpp"
#include "base/text.hpp"

using namespace mlib;
using schema::Node;

namespace {

constexpr std::string_view cards_text = R"(apiVersion: model-library/v1
kind: Model
metadata: {name: quick, labels: {ours: "yes"}}
spec: {framework: vllm, repository: org/quick, format: safetensors, license: mit, released: "2026-02-01",
       dtype: bfloat16, parameters: 1000}
---
apiVersion: model-library/v1
kind: Model
metadata: {name: steady}
spec: {framework: vllm, repository: org/steady, format: safetensors, license: mit, released: "2025-02-01"}
---
apiVersion: model-library/v1
kind: Model
metadata: {name: unmeasured, labels: {ours: "yes"}}
spec: {framework: vllm, repository: org/unmeasured, format: safetensors, license: mit}
---
apiVersion: model-library/v1
kind: Hardware
metadata: {name: box}
spec: {cpus: 4, memory: 8Gi, gpu: {vendor: nvidia, product: L4, count: 1}}
---
apiVersion: model-library/v1
kind: Hardware
metadata: {name: big-box}
spec: {cpus: 4, memory: 8Gi, gpu: {vendor: nvidia, product: H100, count: 8}}
---
apiVersion: model-library/v1
kind: Template
metadata: {name: quick-box}
spec:
  model: quick
  hardware: box
  benchmarks:
    - {id: one, description: d, results: {ttft_p95: 50, tps_mean: 10.5}}
    - {id: two, description: d, results: {ttft_p95: 900, hardware_type: big-box}}
---
apiVersion: model-library/v1
kind: Template
metadata: {name: steady-box}
spec: {model: steady, hardware: box, benchmarks: [{id: three, description: d, results: {ttft_p95: 100}}]}
)";

std::shared_ptr<const cards::Library> library() {
  std::vector<cards::File> files = cards::embedded();
  files.push_back({"ours.yaml", std::string(cards_text)});
  auto made = cards::load(std::move(files), "");
  for (const Finding& finding : made->findings) MESSAGE(to_text(finding));
  REQUIRE(made->findings.empty());
  return made;
}

struct Facade {
  api::Desk desk{{}, library()};

  Node ask(const std::string& path, int status = 200, const std::string& method = "GET",
           net::Headers headers = {}) {
    const net::Reply reply = desk.ask(method, std::string(api::kubeflow::prefix) + path, std::move(headers));
    CHECK(reply.status == status);
    return schema::read_json(api::body_of(reply));
  }
  std::string names(const std::string& path) {
    std::vector<std::string> all;
    const Node page = ask(path);
    for (const Node& item : page.find("items")->items()) all.push_back(item.text_at({"name"}));
    return join(all, " ");
  }
  void save(const std::string& name, const std::string& expression) {
    Node body = Node::map();
    body.set("name", name);
    body.set("expression", expression);
    CHECK(desk.post("/api/v1/filters", schema::to_json(body)).status == 200);
  }
};

}  // namespace

TEST_CASE("saved filters are named queries, where those can say what they say") {
  Facade facade;
  facade.save("fast", "benchmarks.ttft_p95 < 0.2s AND model.license = mit");
  facade.save("ours",
              "ours = 'yes' AND name LIKE 'u%' AND format IN ('gguf', 'safetensors') AND license != gemma");
  facade.save("never", "benchmarks.itl_p99 <= 5");  // nobody has measured it
  facade.save("either", "license = mit OR license = gemma");
  facade.save("between", "parameters > 10 AND parameters < 10000");
  facade.save("machines", "hardware.memory > 1Gi");
  const Node body = facade.ask("models/filter_options");
  CHECK(
      schema::to_json(*body.find("namedQueries")) ==
      R"({"fast":{"artifacts.ttft_p95.double_value":{"operator":"<","value":200},)"
      R"("license":{"operator":"=","value":"mit"}},)"
      R"("never":{"artifacts.itl_p99.double_value":{"operator":"<=","value":5}},)"
      R"("ours":{"ours.string_value":{"operator":"=","value":"yes"},"name":{"operator":"LIKE","value":"u%"},)"
      R"("format.string_value":{"operator":"IN","value":["gguf","safetensors"]},)"
      R"("license":{"operator":"!=","value":"gemma"}}})");
}

TEST_CASE("filter options tell the properties of performance artifacts, with the range of each") {
  Facade facade;
  const Node body = facade.ask("models/filter_options");
  const Node* range = body.at({"filters", "artifacts.ttft_p95.double_value", "range"});
  REQUIRE(range != nullptr);
  CHECK(range->find("min")->number() == 50);
  CHECK(range->find("max")->number() == 900);
  const Node* types = body.at({"filters", "artifacts.hardware_type.string_value", "values"});
  REQUIRE(types != nullptr);
  CHECK(schema::to_json(*types) == R"(["H100","L4"])");
  CHECK(body.at({"filters", "tensor_type.string_value"}) != nullptr);
  CHECK(body.at({"filters", "provider"}) != nullptr);
}

TEST_CASE("a benchmark that was measured elsewhere than on its template's hardware says so") {
  Facade facade;
  const Node page = facade.ask("sources/model-library/models/quick/artifacts/performance");
  const Node::List& items = page.find("items")->items();
  REQUIRE(items.size() == 2);
  const auto text = [&](std::size_t i, std::string_view name) {
    return items[i].text_at({"customProperties", name, "string_value"});
  };
  CHECK(text(0, "hardware_configuration") == "1 x L4");
  CHECK(text(1, "hardware_configuration") == "8 x H100");
  CHECK(text(0, "framework_type") == "vllm");
  CHECK(text(0, "framework_version").empty());  // nobody says which it was
  CHECK(items[0].text_at({"externalId"}) == "one");
}

TEST_CASE("models are sorted by the least of their artifacts' values, descending by the greatest") {
  Facade facade;
  const std::string measured =
      "models?filterQuery=artifacts.ttft_p95%3E0&orderBy=artifacts.ttft_p95.double_value";
  CHECK(facade.names(measured) == "quick steady");
  CHECK(facade.names(measured + "&sortOrder=DESC") == "quick steady");
  CHECK(facade.names("models?filterQuery=provider='org'&orderBy=CREATE_TIME") == "steady quick unmeasured");
  CHECK(facade.names("models?filterQuery=provider='org'&orderBy=CREATE_TIME&sortOrder=DESC") ==
        "quick steady unmeasured");
}

TEST_CASE("a figure may be asked for where there is none") {
  Facade facade;
  const std::string where = "sources/model-library/models/unmeasured/artifacts/performance?filterQuery=";
  CHECK(facade.names(where + "ttft_p95%3C100").empty());
  CHECK(facade.names(where + "itl_p99%3C100%20AND%20use_case.string_value='rag'").empty());
  CHECK(facade.ask(where + "ttft_p59%3C100", 400).text_at({"message"}).find("no field `ttft_p59`") !=
        std::string::npos);
  CHECK(facade.names("models?source=other&filterQuery=license='mit'").empty());
  CHECK(facade.ask("models?source=other&filterQuery=licence='mit'", 400)
            .text_at({"message"})
            .find("`license`") != std::string::npos);
}

TEST_CASE("a filterQuery reads literals as --filter does, and refuses the same") {
  Facade facade;
  const std::string query = "models?filterQuery=provider='org'%20AND%20";
  CHECK(facade.names(query + "parameters%20%3E=%201K") == "quick");
  CHECK(facade.names(query + "parameters.int_value%20%3C%200.1M") == "quick");
  CHECK(facade.names(query + "artifacts.ttft_p95%20%3C%200.06s") == "quick");
  const auto refused = [&](const std::string& condition) {
    return facade.ask(query + condition, 400).text_at({"message"});
  };
  CHECK(refused("parameters%20%3E%205usd").find("`parameters` is a number, and `5usd` is not") !=
        std::string::npos);
  CHECK(refused("format='GGUF'").find("did you mean `gguf`?") != std::string::npos);
  CHECK(refused("artifacts.ttft_p95%20%3C%20'soon'").find("a number of milliseconds") != std::string::npos);
  CHECK(refused("name%20%3E%205").find("`name` is a text, and 5 is a number") != std::string::npos);
}

TEST_CASE("words are looked for in what an item says, not in how it is written") {
  Facade facade;
  CHECK(facade.names("models?q=metadataStringValue").empty());
  CHECK(facade.names("models?q=QUICK").find("quick") != std::string::npos);
}

TEST_CASE("every error has the facade's own shape") {
  Facade facade;
  const auto refused = [&](const std::string& path, int status, const std::string& text,
                           const std::string& method = "GET", net::Headers headers = {}) {
    const Node body = facade.ask(path, status, method, std::move(headers));
    CHECK(body.entries().size() == 2);
    CHECK(body.text_at({"code"}) == std::to_string(status));
    CHECK(body.text_at({"message"}).find(text) != std::string::npos);
  };
  refused("models?q=%zz", 400, "query");
  refused("models?orderBy=.double_value", 400, "orderBy");
  refused("sources/model-library/models/quick/artifacts?artifactType=metrics", 400, "`metrics`");
  refused("sources/model-library/models/quick/artifacts/performance?recommendations=perhaps", 400,
          "recommendations");
  refused("sources/preview", 405, "read-only", "POST",
          {{"origin", "http://elsewhere.example"}, {"host", "127.0.0.1"}});
  refused("sources/model-library/models/quikc", 404, "quick");
}
