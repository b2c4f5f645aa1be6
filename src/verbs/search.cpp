#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "verbs/catalogue.hpp"

namespace mlib::verbs {
namespace {

constexpr std::string_view between = " -_./=";

/// Edits that make `word` a beginning of `text`, right where they are at most `most`.
std::size_t edits(std::string_view word, std::string_view text, std::size_t most) {
  const std::vector<std::size_t> all = edit_distances(word, text.substr(0, word.size() + most));
  return *std::min_element(all.begin(), all.end());
}

std::string without_separators(std::string_view text) {
  std::string joined;
  std::copy_if(text.begin(), text.end(), std::back_inserter(joined),
               [](char c) { return between.find(c) == std::string_view::npos; });
  return joined;
}

/// What is left of a text from each of its words on, without what stands between words: of llama-3.1-8b
/// `llama318b`, `318b`, `18b` and `8b`.
std::vector<std::string> tails(std::string_view text) {
  std::vector<std::string> all;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find_first_of(between, from), text.size());
    if (end > from) all.push_back(without_separators(text.substr(from)));
    from = end + 1;
  }
  return all;
}

/// What is looked through of a card, in lower case.
struct Texts {
  explicit Texts(const cards::Metadata& card)
      : name(lower(card.name)), title(lower(card.title)), description(lower(card.description)) {
    for (const auto& [key, value] : card.labels) labels.push_back(lower(key + "=" + value));
  }
  std::string name, title, description;
  std::vector<std::string> labels;
};

std::string digits_of(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits),
               [](char c) { return c >= '0' && c <= '9'; });
  return digits;
}

/// Whether the word, without what stands between its parts, begins some tail: llama3.1 and llama31 that of
/// llama-3-1-8b. Digits alone are no name.
bool runs_on(const std::string& joined, const std::vector<std::string>& tails) {
  if (digits_of(joined).size() == joined.size()) return false;
  return std::any_of(tails.begin(), tails.end(),
                     [&](const std::string& tail) { return tail.starts_with(joined); });
}

/// The same with a slip of the pen. Numbers must be right: `qwne3` is nearly qwen3. Of words with fewer than
/// four letters nobody knows: an H100 is no A100.
bool nearly(const std::string& joined, const std::vector<std::string>& tails) {
  const std::string numbers = digits_of(joined);
  if (joined.size() < 4 + numbers.size()) return false;
  const std::size_t most = joined.size() < 8 ? 1 : 2;
  return std::any_of(tails.begin(), tails.end(), [&](const std::string& tail) {
    return tail.size() + most >= joined.size() && digits_of(tail).starts_with(numbers) &&
           edits(joined, tail, most) <= most;
  });
}

int score(const Texts& card, const std::string& word);

/// How well a card answers a word of which it has no letter by letter.
int loose_score(const Texts& card, const std::string& word) {
  const std::string joined = without_separators(word);
  const std::vector<std::string> name = tails(card.name), title = tails(card.title);
  if (!name.empty() && name.front() == joined) return 90;
  if (runs_on(joined, name)) return 30;
  if (runs_on(joined, title)) return 15;
  if (nearly(joined, name)) return 4;
  if (nearly(joined, title)) return 3;
  if (std::any_of(card.labels.begin(), card.labels.end(),
                  [&](const std::string& label) { return nearly(joined, tails(label)); }))
    return 2;
  // A100-80GB is a name in which something is left out: each part counts by itself.
  const std::vector<std::string> parts = split(word, '-');
  const auto answers = [&](const std::string& part) { return !part.empty() && score(card, part) > 0; };
  return parts.size() > 1 && std::all_of(parts.begin(), parts.end(), answers) ? 1 : 0;
}

/// How well a card answers a word: 0 when not at all.
int score(const Texts& card, const std::string& word) {
  if (card.name == word) return 100;
  if (card.name.starts_with(word)) return 60;
  if (card.name.find(word) != std::string::npos) return 40;
  if (card.title.find(word) != std::string::npos) return 25;
  for (const std::string& label : card.labels)
    if (label == word || (label.ends_with(word) && label[label.size() - word.size() - 1] == '=')) return 20;
  for (const std::string& label : card.labels)
    if (label.find(word) != std::string::npos) return 10;
  if (card.description.find(word) != std::string::npos) return 5;
  return loose_score(card, word);
}

struct Hit {
  std::string_view kind;
  const cards::Metadata* card;
  int score;
  std::string released;  ///< of the model, YYYY-MM-DD
};

/// When the model came out: what people ask for today is what came out last.
std::string released(const cards::Library&, const cards::Model& card) { return card.spec.released; }
std::string released(const cards::Library& library, const cards::Template& card) {
  return library.get_model(card.spec.model).spec.released;
}
template <class C>
std::string released(const cards::Library&, const C&) {
  return "";
}

template <class C>
void find(const cards::Library& library, const std::vector<C>& cards, const std::vector<std::string>& words,
          std::string_view kind, std::vector<Hit>& hits) {
  for (const C& card : cards) {
    const Texts texts(card.metadata);
    // Words that are a name with blanks between its parts mean that card, and no longer name.
    constexpr int whole_name = 100;
    int total = 0;
    for (const std::string& word : words) {
      const int one = score(texts, word);
      if (one == 0) {
        total = 0;
        break;
      }
      total += one;
    }
    if (total > 0 && words.size() > 1 && texts.name == join(words, "-")) total += whole_name;
    if (total > 0) hits.push_back({kind, &card.metadata, total, released(library, card)});
  }
}

}  // namespace

Response search(const World& world, const Caller&, const SearchArguments& arguments) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  std::vector<std::string> words;
  for (const std::string& word : split(lower(arguments.text), ' '))
    if (!word.empty()) words.push_back(word.substr(0, 64));
  std::vector<Hit> hits;
  find(*library, library->models, words, "model", hits);
  find(*library, library->templates, words, "template", hits);
  find(*library, library->hardware, words, "hardware", hits);
  find(*library, library->frameworks, words, "framework", hits);
  // What answers best; then models before templates (they were found in this order), and the newest first.
  std::stable_sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.kind == b.kind && a.released > b.released;
  });
  Table table{.columns = {{"KIND"}, {"NAME"}, {"TITLE"}}};
  Node found = Node::list();
  for (const Hit& hit : hits) {
    table.rows.push_back({std::string(hit.kind), hit.card->name, hit.card->title});
    Node item = Node::map();
    item.set("kind", hit.kind);
    item.set("name", hit.card->name);
    item.set("title", hit.card->title);
    item.set("description", hit.card->description);
    found.push(std::move(item));
  }
  return {.value = std::move(found), .table = std::move(table)};
}

}  // namespace mlib::verbs
