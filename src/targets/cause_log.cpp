#include <array>

#include "base/text.hpp"
#include "targets/cause.hpp"

namespace mlib::targets {
namespace {

struct Words {
  std::string_view words;  ///< found in a line, in lower case
  std::string_view sentence;
  std::string_view hint;
};

constexpr std::array lines{
    Words{"cuda out of memory", "the GPU has too little memory for it",
          "a smaller context or quantisation, or a larger GPU"},
    Words{"torch.outofmemoryerror", "the GPU has too little memory for it",
          "a smaller context or quantisation, or a larger GPU"},
    Words{"larger than the maximum number of tokens", "the KV cache is too small for the context",
          "a shorter context, or more GPU memory"},
    Words{"cuda driver version is insufficient", "the node's GPU driver is too old for the engine",
          "a newer driver, or an older image of the engine"},
    Words{"no nvidia driver", "the node has no GPU driver", "choose a node with a GPU and its driver"},
    Words{"libcuda.so", "the container sees no GPU driver",
          "choose hardware with a GPU, or an image for CPUs"},
    Words{"no space left on device", "its disk is full", "more storage: a larger claim"},
    Words{"address already in use", "its port is taken in the container", "choose another port"},
    Words{"gatedrepo", "the model is gated on the hub",
          "accept its licence there and give a token (hf_token)"},
    Words{"repository not found", "the hub has no such model, or a token is needed",
          "check the model's name and the token"},
    Words{"401 client error", "the hub wants a token, or refuses the one it got", "give a valid token"},
    Words{"404 client error", "the hub has no such file", "check the model's repository and file name"},
    Words{"invalid magic", "the weights are no file that this engine reads",
          "check the weights' format and that they are whole"},
    Words{"failed to load model", "the engine cannot load the weights",
          "check the weights' path, format and that they are whole"},
    Words{"unrecognized arguments", "the engine does not know one of its flags",
          "check the engine's version and its flags"},
    Words{"error: invalid argument", "the engine does not know one of its flags",
          "check the engine's version and its flags"},
    Words{"checksum", "the weights are not what the card says",
          "fetch them again, or correct the card's checksum"},
    Words{"exec format error", "the image is for another processor",
          "choose an image of the right architecture"},
    Words{"permission denied", "it may not read or write a file",
          "check who owns its volume and whom it runs as"},
};

bool has(std::string_view text, std::string_view words) { return text.find(words) != std::string_view::npos; }

std::string evidence(std::string_view text) { return shortened(visible(trim(text)), 600); }

}  // namespace

std::optional<Cause> known_line(std::string_view log) {
  const std::vector<std::string> all = split(log, '\n');
  for (auto line = all.rbegin(); line != all.rend(); ++line) {
    const std::string low = lower(*line);
    for (const Words& row : lines)
      if (has(low, row.words))
        return Cause{std::string(row.sentence), evidence(*line), std::string(row.hint), true};
  }
  return std::nullopt;
}

std::string last_line(std::string_view log) {
  log = trim(log);
  return evidence(log.substr(log.rfind('\n') + 1));
}

std::string telling_line(std::string_view log) {
  static constexpr std::array<std::string_view, 12> words{"error",     "fatal",   "exception", "panic",
                                                          "failed",    "cannot",  "unable",    "invalid",
                                                          "not found", "no such", "refused",   "denied"};
  const std::vector<std::string> all = split(log, '\n');
  for (auto line = all.rbegin(); line != all.rend(); ++line) {
    const std::string low = lower(*line);
    for (const std::string_view word : words)
      if (has(low, word)) return evidence(*line);
  }
  return last_line(log);
}

}  // namespace mlib::targets
