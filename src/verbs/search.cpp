#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "verbs/catalogue.hpp"

namespace mlib::verbs {
namespace {

/// Edits that make `word` a beginning of `text`, right where they are at most `most`.
std::size_t edits(std::string_view word, std::string_view text, std::size_t most) {
  const std::vector<std::size_t> all = edit_distances(word, text.substr(0, word.size() + most));
  return *std::min_element(all.begin(), all.end());
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

/// Whether the word is nearly the beginning of a word of the text. Numbers must be right: `qwne3` is nearly
/// qwen3. Of words with fewer than four letters nobody knows: an H100 is no A100.
bool nearly(const std::string& word, std::string_view text) {
  const std::string numbers = digits_of(word);
  if (word.size() < 4 + numbers.size()) return false;
  const std::size_t most = word.size() < 8 ? 1 : 2;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t end = std::min(text.find_first_of(" -_./=", from), text.size());
    const std::string_view part = text.substr(from, end - from);
    const bool same_numbers = numbers.empty() || digits_of(part) == numbers;
    if (part.size() + most >= word.size() && same_numbers && edits(word, part, most) <= most) return true;
    from = end + 1;
  }
  return false;
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
  if (nearly(word, card.name)) return 4;
  if (nearly(word, card.title)) return 3;
  return std::any_of(card.labels.begin(), card.labels.end(),
                     [&](const std::string& label) { return nearly(word, label); })
             ? 2
             : 0;
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
