#include "verbs/asking.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "loadgen/protocol.hpp"
#include "net/client.hpp"
#include "schema/document.hpp"
#include "verbs/event_stream.hpp"
#include "verbs/names.hpp"
#include "verbs/probing.hpp"

namespace mlib::verbs {
namespace {

/// Bytes of an answer, also of one that comes in pieces: some 200,000 tokens.
constexpr std::size_t answer_limit = 64U << 20U;

/// A deployment's target and what it says of it.
struct Place {
  std::unique_ptr<targets::Target> target;
  targets::Status status;
};

/// Problem{unavailable} while it has no URL.
Place place_of(const World& world, const store::Deployment& record, const DeploymentArguments& arguments) {
  Place place{target_of(world, record.target).second(arguments.reach), {}};
  place.status = place.target->observe({record.namespace_name, record.name});
  const targets::Status& status = place.status;
  if (!status.endpoint.empty()) return place;
  throw Problem(
      Kind::unavailable,
      fmt::format("`{}` has no endpoint: {} {}", record.name, targets::to_text(status.phase), status.summary),
      status.hint.empty() ? fmt::format("mlib status {}", record.name) : status.hint);
}

/// The URL for those without the target's credentials: through the forwarding command where there is one.
std::string open_url(const targets::Status& status) {
  if (status.forward.empty()) return status.endpoint;
  return "http://127.0.0.1:" + status.forward.substr(status.forward.rfind(':') + 1);
}

void refuse_key_through_proxy(const store::Deployment& record, const Place& place) {
  if (place.status.forward.empty()) return;
  throw Problem(Kind::unsupported,
                fmt::format("`{}` is reached through the API server, which passes no key on", record.name),
                fmt::format("{}, and ask {}", place.status.forward, open_url(place.status)));
}

/// How the deployment's model is asked by the engine that serves it.
loadgen::Protocol protocol_of(const World& world, const store::Deployment& record) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  const cards::Template* chosen = library->find_template(record.template_name);
  const cards::Model* model = chosen == nullptr ? nullptr : library->model(chosen->spec.model);
  return loadgen::protocol_of(cards::call_for(library->protocols,
                                              library->get_framework(record.framework).spec.protocol,
                                              model == nullptr ? "" : model->spec.task));
}

/// The text of an engine's error, in one of the shapes that they have.
std::string message_of(const std::string& body) {
  Node node;
  schema::JsonError error;
  if (!schema::read_json(body, node, error)) return shortened(visible(body), 200);
  for (const std::string& text : {node.text_at({"error", "message"}), node.text_at({"message"}),
                                  node.text_at({"detail"}), node.text_at({"error"})})
    if (!text.empty()) return text;
  return shortened(visible(body), 200);
}

Problem refusal(const store::Deployment& record, const net::Answer& answer) {
  if (answer.status == 401 || answer.status == 403)
    return {Kind::forbidden,
            fmt::format("`{}` does not accept this key: {}", record.name, message_of(answer.body)),
            "give its key: --api-key-file FILE or --api-key-stdin"};
  return {
      Kind::failed,
      fmt::format("`{}` answered with status {}: {}", record.name, answer.status, message_of(answer.body)),
      fmt::format("mlib logs {}", record.name)};
}

/// True when it was deployed with a secret, which may be its key.
bool has_secret(const store::Deployment& record) {
  return record.manifest.find(": \"***\"") != std::string::npos;
}

/// A request's body, with what the engine takes as its own left out.
std::string question(const loadgen::Protocol& protocol, const std::string& model, bool stream,
                     const std::string& text, int max_tokens = 0) {
  loadgen::Ask ask;
  ask.prompt = text;
  ask.max_tokens = max_tokens;
  return loadgen::body_of({protocol, model, stream, -1}, ask);
}

/// The value at a JSON pointer as Python reaches for it: ["choices"][0].
std::string python_steps(const std::string& pointer) {
  std::string text;
  const auto steps = cards::pointer_steps(pointer).value();
  for (const std::string& step : steps) {
    const bool index = !step.empty() && step.find_first_not_of("0123456789") == std::string::npos;
    text += fmt::format("[{}]", index ? step : schema::to_json(step));
  }
  return text;
}

/// As one word of a POSIX shell: what comes from an engine or a cluster runs nothing there.
std::string shell_word(const std::string& text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/._-";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

std::string snippet_of(const store::Deployment& record, const std::string& url,
                       const loadgen::Protocol& protocol, const std::string& model) {
  const bool posts = protocol->posts();
  const std::string target = url + (posts                   ? protocol->call.path
                                    : record.health.empty() ? "/"
                                                            : record.health);
  const bool key = has_secret(record);
  std::string curl = "curl " + shell_word(target);
  std::string python = "import json, os, urllib.request\n\n";
  python += fmt::format("request = urllib.request.Request({})\n", schema::to_json(target));
  if (key) {
    curl += " \\\n  -H \"Authorization: Bearer $API_KEY\"";
    python += "request.add_header(\"Authorization\", \"Bearer \" + os.environ[\"API_KEY\"])\n";
  }
  if (posts) {
    const std::string body = question(protocol, model, false, "Hello");
    curl += fmt::format(" \\\n  -H 'Content-Type: application/json' \\\n  -d {}", shell_word(body));
    python += "request.add_header(\"Content-Type\", \"application/json\")\n";
    python += fmt::format("request.data = {}.encode()\n", schema::to_json(body));
  }
  python += "with urllib.request.urlopen(request) as answer:\n";
  const cards::Pointers& text = protocol->call.answer.text;
  python += text.empty() ? "    print(answer.read().decode())\n"
                         : fmt::format("    print(json.load(answer){})\n", python_steps(text.front()));
  return fmt::format("{}\n\n{}", curl, python);
}

/// What answered, and what a URL needs that not all may use.
std::string notes_of(const Place& place, const Answered& answered, const std::vector<std::string>& models) {
  std::string text;
  if (!answered.said.empty()) {
    text = answered.status > 0 ? answered.said : "does not answer from here: " + answered.said;
    if (!models.empty()) text += fmt::format("; serves {}", visible(join(models, ", ")));
    text += '\n';
  }
  if (!place.status.forward.empty())
    text += fmt::format("that URL needs the cluster's credentials; without them: {}\nand then {}\n",
                        place.status.forward, open_url(place.status));
  return text;
}

/// The answer as its pieces come.
class Answering {
 public:
  Answering(const store::Deployment& record, const Sink& sink) : record_(record), sink_(sink) {}

  bool take(const loadgen::Places& places, const std::string& data) {
    if (data == "[DONE]") return true;
    Node event;
    schema::JsonError error;
    if (!schema::read_json(data, event, error))
      throw Problem(Kind::failed, fmt::format("`{}` sent a piece that is no JSON", record_.name));
    loadgen::Said said;
    places.read(data, said);
    if (said.is_error)
      throw Problem(Kind::failed, fmt::format("`{}` broke off: {}", record_.name, message_of(data)));
    if (!said.finish.empty()) finish_ = loadgen::unescaped(said.finish);
    if (said.content.empty()) return true;
    const std::string piece = loadgen::unescaped(said.content);
    text_ += piece;
    Node told = Node::map();
    told.set("piece", piece);
    return sink_(told);
  }
  void tell_end(const std::string& model) const {
    Node result = Node::map();
    result.set("model", model);
    result.set("answer", text_);
    result.set("finish_reason", finish_);
    Node event = Node::map();
    event.set("result", std::move(result));
    event.set("text", "\n");
    sink_(event);
  }

 private:
  const store::Deployment& record_;
  const Sink& sink_;
  std::string text_;
  std::string finish_;
};

}  // namespace

Response endpoint(const World& world, const Caller&, const EndpointArguments& arguments) {
  const store::Deployment record = record_of(world.store, arguments.namespace_name, arguments.name);
  const Place place = place_of(world, record, arguments);
  const std::string& url = place.status.endpoint;
  const loadgen::Protocol protocol = protocol_of(world, record);
  Node value = Node::map();
  value.set("endpoint", url);
  if (!place.status.forward.empty()) value.set("forward", place.status.forward);
  Answered answered;
  std::vector<std::string> models;
  if (world.http != nullptr) {
    if (!arguments.api_key.empty()) refuse_key_through_proxy(record, place);
    const Asking asking{world, *place.target, record, url, arguments.api_key};
    answered = ask_health(asking);
    value.set("answers", answered.well());
    value.set("said", answered.said);
    // Without its key a deployment that has one does not tell.
    if (protocol->asks_model && answered.status > 0 && (!has_secret(record) || !arguments.api_key.empty())) {
      models = served_models(asking);
      value.set("models", schema::encode(models));
    }
  }
  Response response{
      .value = std::move(value), .text = url + "\n", .notes = notes_of(place, answered, models)};
  if (!arguments.snippet) return response;
  const std::string model = !protocol->asks_model ? "" : models.empty() ? record.model : models.front();
  std::string text = snippet_of(record, open_url(place.status), protocol, model);
  if (!place.status.forward.empty())
    text = fmt::format("# first, in another terminal: {}\n{}", place.status.forward, text);
  response.value.set("snippet", text);
  response.text = std::move(text);
  return response;
}

void chat(const World& world, const Caller&, const ChatArguments& arguments, const Sink& sink,
          const Cancel& cancel) {
  const store::Deployment record = record_of(world.store, arguments.namespace_name, arguments.name);
  const loadgen::Protocol protocol = protocol_of(world, record);
  if (!protocol->generates || !protocol->asks_prompt || world.http == nullptr)
    throw Problem(Kind::unsupported,
                  fmt::format("framework {} has the protocol `{}`, which cannot be chatted with",
                              record.framework, protocol->name),
                  fmt::format("mlib endpoint {} --snippet", record.name));
  const Place place = place_of(world, record, arguments);
  if (!arguments.api_key.empty()) refuse_key_through_proxy(record, place);
  const std::string& url = place.status.endpoint;
  std::vector<std::string> models;
  if (protocol->asks_model)
    models = served_models({world, *place.target, record, url, arguments.api_key, &cancel});
  const std::string model = models.empty() ? record.model : models.front();
  const auto& streams = protocol->call.stream;
  const bool lines = streams && streams->framing == "lines";
  net::Call call;
  call.method = "POST";
  call.url = url + protocol->call.path;
  call.headers = {{"Content-Type", "application/json"},
                  {"Accept", !streams ? "application/json"
                             : lines  ? "application/x-ndjson"
                                      : "text/event-stream"}};
  call.bearer = Secret<std::string>(arguments.api_key);
  call.body = question(protocol, model, true, arguments.text, arguments.max_tokens);
  call.timeout = std::chrono::minutes{10};
  Answering answering(record, sink);
  EventStream stream([&](const std::string& data) { return answering.take(protocol->piece, data); }, lines);
  std::size_t received = 0;
  std::string whole;
  const net::Answer answer = place.target->send(
      *world.http, call,
      [&](std::string_view bytes) {
        received += bytes.size();
        if (received > answer_limit)
          throw Problem(Kind::too_large,
                        fmt::format("`{}` answers with more than {} MiB", record.name, answer_limit >> 20U));
        if (streams) return stream.feed(bytes);
        whole += bytes;
        return true;
      },
      &cancel);
  if (answer.status / 100 != 2) throw refusal(record, answer);
  if (streams)
    stream.finish();
  else
    answering.take(protocol->whole, whole);
  answering.tell_end(model);
}

}  // namespace mlib::verbs
