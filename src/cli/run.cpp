#include "cli/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "api/problem_json.hpp"
#include "base/text.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"

namespace mlib::cli {
namespace {

namespace fs = std::filesystem;

std::string all_of(std::istream& in) { return {std::istreambuf_iterator<char>(in), {}}; }

/// Refuses folders, and what never ends.
std::string file_text(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error))
    throw Problem(Kind::usage, fmt::format("{}: this is a folder, and a file is wanted", path));
  constexpr std::size_t most = 1U << 30U;
  std::ifstream in(path, std::ios::binary);
  std::string text;
  for (std::vector<char> piece(1U << 16U); in && text.size() <= most;
       text.append(piece.data(), static_cast<std::size_t>(in.gcount())))
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
  if (text.size() > most) throw Problem(Kind::too_large, fmt::format("{}: more than 1 GiB", path));
  if (!in.eof()) throw Problem(Kind::unavailable, fmt::format("{}: the file cannot be read", path));
  return text;
}

std::vector<cards::File> card_files(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {{path, file_text(path)}};
  std::vector<cards::File> files = cards::read_folder(path);
  for (cards::File& each : files) each.path = (fs::path(path) / each.path).string();
  if (files.empty())
    throw Problem(Kind::not_found, fmt::format("{}: there are no *.yaml, *.yml or *.json files in it", path));
  return files;
}

/// Asks before a verb that deletes; Problem{cancelled} for anything but yes.
void ask(const CommandLine& line, const Outside& outside, const verbs::World& world) {
  const std::string name = line.arguments.text_at({"name"});
  const std::string question = line.verb->question(world, {outside.user, verbs::Role::admin}, line.arguments);
  if (!outside.asks)
    throw Problem(
        Kind::usage,
        fmt::format("`mlib {} {}` asks first, and there is no terminal to ask on", line.verb->name, name),
        "add --yes");
  outside.err << visible(question) << " [y/N] " << std::flush;
  std::string answer;
  std::getline(outside.in, answer);
  if (lower(trim(answer)) != "y" && lower(trim(answer)) != "yes")
    throw Problem(Kind::cancelled, "nothing was deleted");
}

verbs::Response response_of(const Node& event) {
  verbs::Response response{.value = *event.find("result"), .text = event.text_at({"text"})};
  response.exit_code = static_cast<int>(event.integer_at({"exit_code"}));
  if (const Node* forms = event.find("forms"))
    for (const schema::Entry& form : forms->entries())
      response.forms.emplace_back(form.key, form.value.string());
  return response;
}

/// Before anything is done: an answer that will have only `outputs` of its verb's own ones.
void check_form(const CommandLine& line, const Node& outputs) {
  const std::string& output = line.options.output;
  const auto& own = line.verb->outputs;
  if (std::find(own.begin(), own.end(), output) == own.end()) return;
  std::vector<std::string> names;
  for (const Node& each : outputs.items()) names.push_back(each.string());
  if (std::find(names.begin(), names.end(), output) != names.end()) return;
  throw Problem(Kind::usage, fmt::format("`-o {}` is of one result, and this would be several", output),
                fmt::format("one of: table, json, yaml, {}", fmt::join(names, ", ")));
}

/// Gives the exit code.
int stream(const CommandLine& line, const Outside& outside, const verbs::World& world) {
  int code = 0;
  const std::size_t columns = outside.width == 0 ? 80 : outside.width;
  Progress progress(outside.err, outside.rewrites ? columns : 0);
  const std::string& output = line.options.output;
  line.verb->stream(
      world, {outside.user, verbs::Role::admin}, line.arguments,
      [&](const Node& event) {
        if (const Node* outputs = event.find("outputs")) check_form(line, *outputs);
        if (const Node* text = event.find("progress")) progress.tell(text->string());
        if (const Node* text = event.find("live"))
          progress.live(text->string(), event.find("done")->number(), event.find("seconds")->number());
        if (const Node* text = event.find("line"))
          outside.out << visible(text->string()) << '\n' << std::flush;
        if (const Node* piece = event.find("piece");
            piece != nullptr && (output == "table" || output == "wide"))
          outside.out << visible(piece->string()) << std::flush;
        if (event.find("result") != nullptr) {
          progress.end();
          const verbs::Response response = response_of(event);
          outside.out << answer_text(response, output, outside.width) << std::flush;
          code = response.exit_code;
        }
        return outside.out.good() && !outside.cancel.asked();
      },
      outside.cancel);
  return code;
}

/// Before anything is done: an output that only other verbs have is refused.
void check_output(const CommandLine& line) {
  constexpr std::string_view everywhere[] = {"table", "wide", "json", "yaml", "name", "markdown"};
  const std::string& output = line.options.output;
  const auto& own = line.verb->outputs;
  if (std::find(std::begin(everywhere), std::end(everywhere), output) != std::end(everywhere) ||
      std::find(own.begin(), own.end(), output) != own.end())
    return;
  throw Problem(Kind::usage, fmt::format("`mlib {}` has no output `{}`", line.verb->name, output),
                fmt::format("one of: {}", fmt::join(everywhere, ", ")));
}

/// Whether the verb deletes only what is named a second time.
bool needs_name_again(const verbs::Verb& verb) {
  const Node schema = verb.arguments();
  return verb.method == verbs::Method::del && schema.at({"properties", "confirm"}) != nullptr;
}

/// Shows what would go and has its name typed again.
CommandLine confirmed(CommandLine line, const Outside& outside, const verbs::World& world) {
  if (line.arguments.find("confirm") != nullptr) return line;
  const std::string name = line.arguments.text_at({"name"});
  stream(line, outside, world);
  if (!outside.asks)
    throw Problem(Kind::usage,
                  fmt::format("`mlib {} {}` has the name typed again, and there is no terminal to ask on",
                              line.verb->name, name),
                  fmt::format("add --yes {}", name));
  outside.err << fmt::format("All of it will be gone. Type the name again to {}: ", line.verb->name)
              << std::flush;
  std::string answer;
  std::getline(outside.in, answer);
  if (trim(answer) != name) throw Problem(Kind::cancelled, "nothing was deleted");
  line.arguments.set("confirm", name);
  return line;
}

/// Asks each second and prints what changed: on a terminal in place of what was there, elsewhere a line with
/// its time; until Ctrl-C.
int watch(const CommandLine& line, const Outside& outside, const verbs::World& world) {
  const bool lines = line.options.output == "table" || line.options.output == "wide";
  std::string shown;
  while (!outside.cancel.asked() && outside.out.good()) {
    const verbs::Response response =
        line.verb->call(world, {outside.user, verbs::Role::admin}, line.arguments);
    const bool rewrites = outside.width > 0 && lines;
    const std::string text = lines && !rewrites ? response.brief + "\n"
                                                : answer_text(response, line.options.output, outside.width);
    if (text != shown) {
      if (rewrites && !shown.empty())
        outside.out << fmt::format("\x1b[{}A\x1b[J", std::count(shown.begin(), shown.end(), '\n'));
      outside.out << (lines && !rewrites ? utc(world.clock.wall()) + " " : "") << text << std::flush;
      shown = text;
    }
    for (int i = 0; i < 10 && !outside.cancel.asked(); ++i) world.clock.sleep(std::chrono::milliseconds{100});
  }
  return exit_code(Kind::cancelled);
}

int run_verb(const CommandLine& asked, const Outside& outside) {
  check_output(asked);
  const bool twice = needs_name_again(*asked.verb);
  const std::unique_ptr<Ground> ground = outside.open(asked.options);
  if (asked.verb->question && !asked.options.yes) ask(asked, outside, ground->world());
  const CommandLine line = twice ? confirmed(asked, outside, ground->world()) : asked;
  if (const Node* on = line.arguments.find("watch"); on != nullptr && on->boolean())
    return watch(line, outside, ground->world());
  if (line.verb->stream) return stream(line, outside, ground->world());
  const verbs::Response response =
      line.verb->call(ground->world(), {outside.user, verbs::Role::admin}, line.arguments);
  if (line.options.output == "table" || line.options.output == "wide")
    outside.err << visible(response.notes) << std::flush;
  outside.out << answer_text(response, line.options.output, outside.width);
  if (response.table && response.table->rows.empty()) outside.err << "nothing found\n";
  return response.exit_code;
}

int run_own(const CommandLine& line, const Outside& outside) {
  const std::string name(line.own->name);
  if (name == "serve")
    return outside.serve(line.options, verbs::arguments_of<ServeArguments>(line.arguments));
  const std::string verb = line.arguments.text_at({"verb"});
  if (name == "version") outside.out << "mlib " MLIB_VERSION "\n";
  if (name == "reference") outside.out << reference();
  if (name == "help") outside.out << (verb.empty() ? overview() : help_of(verb));
  return 0;
}

int run_line(const CommandLine& line, const Outside& outside) {
  if (line.options.help) {
    const std::string verb = line.arguments.text_at({"verb"});
    const std::string_view name = line.verb != nullptr  ? line.verb->name
                                  : line.own != nullptr ? line.own->name
                                                        : verb;
    outside.out << (name.empty() ? overview() : help_of(std::string(name)));
    return 0;
  }
  return line.verb != nullptr ? run_verb(line, outside) : run_own(line, outside);
}

/// Findings in a verb's arguments by what was typed: `--max-tokens: 0 is out of range`, not `max_tokens`.
Problem as_typed(const Problem& problem, const verbs::Verb& verb) {
  if (problem.message() != verbs::wrong_arguments) return problem;
  const std::vector<Option> options = options_of(verb.arguments(), {});
  std::vector<Finding> findings = problem.findings();
  for (Finding& each : findings) {
    if (each.path.empty() || !each.message.starts_with(to_text(each.path) + ":")) continue;
    const std::string& name = each.path.front().key;
    const auto option =
        std::find_if(options.begin(), options.end(), [&](const Option& one) { return one.property == name; });
    if (option == options.end()) continue;
    const bool plain =
        std::find(verb.positional.begin(), verb.positional.end(), name) != verb.positional.end();
    each.message.replace(0, name.size(), plain ? option->word : option->flag);
  }
  return {problem.kind(), problem.message(), problem.hint(), std::move(findings)};
}

/// `error:` red and `hint:` blue.
std::string coloured(std::string text) {
  const auto paint = [&](std::string_view word, std::string_view colour) {
    for (std::size_t at = text.find(word); at != std::string::npos;
         at = text.find(word, at + word.size() + 9)) {
      text.insert(at + word.size(), "\x1b[0m");
      text.insert(at, colour);
    }
  };
  paint("error:", "\x1b[31m");
  paint("hint:", "\x1b[36m");
  return text;
}

}  // namespace

int run(const std::vector<std::string>& words, const Outside& outside) {
  bool colour = outside.color;
  bool as_json = false;
  const verbs::Verb* verb = nullptr;
  try {
    const Inputs inputs{file_text, [&] { return all_of(outside.in); }, card_files};
    const CommandLine line = parse(words, inputs);
    verb = line.verb;
    colour = colour && line.options.color;
    as_json = line.options.output == "json";
    const int code = run_line(line, outside);
    outside.out.flush();
    return code;
  } catch (const Problem& thrown) {
    const Problem problem = verb != nullptr ? as_typed(thrown, *verb) : thrown;
    if (as_json) outside.out << schema::to_json(api::problem_body(problem), 2) << '\n';
    outside.out.flush();
    const std::string text = to_text(problem);
    outside.err << (colour ? coloured(text) : text) << '\n';
    return verb != nullptr ? verb->exits.of(problem.kind()) : exit_code(problem.kind());
  } catch (const std::exception& defect) {
    outside.err << "error: a defect of mlib: " << visible(defect.what()) << '\n';
    return exit_code(Kind::internal);
  }
}

}  // namespace mlib::cli
