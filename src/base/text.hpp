#pragma once
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlib {

/// Edits (insert, delete, replace, swap of neighbours: Damerau) that make `a` of each beginning of `b`: at j
/// of its first j bytes.
std::vector<std::size_t> edit_distances(std::string_view a, std::string_view b);

/// The nearest of `known` to `word` by edit distance (case ignored), when near enough to be meant; ""
/// otherwise.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// "did you mean `X`?", or "known: a, b, c" for up to ten, or "".
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);  ///< ASCII only

/// True when `text` is well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool is_utf8(std::string_view text);
constexpr bool is_utf8_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }
std::size_t utf8_length(std::string_view text);  ///< code points

/// For a terminal: control characters but newline and tab, and bytes that are no UTF-8, as \xNN.
std::string visible(std::string_view text);

/// Up to `bytes` bytes, cut between characters, with "…" when something was cut off.
std::string shortened(std::string_view text, std::size_t bytes);

/// A Kubernetes name: DNS-1123 label, 1 to 63 of a-z 0-9 and '-', beginning and ending with a letter or
/// digit.
bool is_dns_label(std::string_view text);

/// Bytes of a Kubernetes quantity ("12Gi", "500M", "1e3", "0.5"); nothing when it is none.
std::optional<double> quantity(std::string_view text);

std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);
std::string sha256_hex(std::string_view bytes);
/// `count` random bytes of the operating system as lower-case hex.
std::string random_hex(std::size_t count);

/// Percent-encoding of everything but RFC 3986's unreserved characters.
std::string percent_encoded(std::string_view text);
/// Nothing when a '%' is not followed by two hex digits; a '+' stays a '+'.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace mlib
