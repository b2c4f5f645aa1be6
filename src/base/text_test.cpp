#include "base/text.hpp"

#include <doctest/doctest.h>

#include "base/problem.hpp"

using namespace mlib;

TEST_CASE("the nearest name is found by edits and swaps, and none when all are far") {
  const std::vector<std::string> known{"memory", "cpus", "storage", "gpu"};
  CHECK(edit_distances("ab", "bax") == std::vector<std::size_t>{2, 1, 1, 2});
  CHECK(nearest("memroy", known) == "memory");
  CHECK(nearest("CPU", known) == "cpus");
  CHECK(nearest("zzz", known).empty());
  CHECK(nearest("nvidia-h1000", {"nvidia-a10g", "nvidia-h100-pcie-80gb"}) == "nvidia-h100-pcie-80gb");
  CHECK(nearest("-x", {"--name", "--columns"}).empty());
  CHECK(nearest("--max-modle", {"--name", "--max-model-len"}) == "--max-model-len");
  CHECK(nearest("nvidia-l44", {"nvidia-l4-24gb", "nvidia-l40"}) == "nvidia-l40");
  CHECK(suggestion("storge", known) == "did you mean `storage`?");
  CHECK(suggestion("zzz", known) == "known: memory, cpus, storage, gpu");
}

TEST_CASE("UTF-8 is checked to the letter") {
  CHECK(is_utf8("aé€😀"));
  for (const char* wrong : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"})
    CHECK(!is_utf8(wrong));
  CHECK(utf8_length("é€") == 2);
}

TEST_CASE("controls become visible and long texts are cut between characters") {
  CHECK(visible("a\x1b[31mé\xff\n") == "a\\x1b[31mé\\xff\n");
  CHECK(visible("\xc2\x9b") == "\\xc2\\x9b");
  CHECK(shortened("ééé", 3) == "é…");
  CHECK(shortened("abc", 3) == "abc");
}

TEST_CASE("quantities are read as Kubernetes does") {
  CHECK(quantity("12Gi").value() == 12.0 * (1U << 30U));
  CHECK(quantity("500m").value() == doctest::Approx(0.5));
  CHECK(quantity("1e3").value() == 1000);
  CHECK(!quantity("12GiB"));
  CHECK(!quantity("Gi"));
  CHECK(!quantity(""));
}

TEST_CASE("names of Kubernetes objects are checked") {
  CHECK(is_dns_label("a-1"));
  for (const char* wrong : {"", "-a", "a-", "A", "a.b", "a_b"}) CHECK(!is_dns_label(wrong));
  CHECK(!is_dns_label(std::string(64, 'a')));
}

TEST_CASE("base64, percent-encoding and SHA-256 are the standard ones, there and back") {
  CHECK(base64("hello") == "aGVsbG8=");
  CHECK(from_base64("aGVsbG8=").value() == "hello");
  CHECK(!from_base64("a"));
  CHECK(percent_encoded("a b/é") == "a%20b%2F%C3%A9");
  CHECK(percent_decoded("a%20b").value() == "a b");
  CHECK(!percent_decoded("%zz"));
  CHECK(!percent_decoded("%2"));
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(random_hex(8).size() == 16);
  CHECK(random_hex(8) != random_hex(8));
}

TEST_CASE("a finding is file, line, column, the line, a caret, and a hint") {
  Finding finding;
  finding.place = {"a.yaml", 3, 4};
  finding.message = "no";
  finding.excerpt = "\tééx";
  finding.hint = "yes";
  CHECK(to_text(finding) == "a.yaml:3:4: error: no\n  \tééx\n  \t  ^\n  hint: yes");
}

TEST_CASE("each kind of problem has its status and exit code") {
  CHECK(http_status(Kind::invalid) == 422);
  CHECK(exit_code(Kind::cancelled) == 130);
  CHECK(slug(Kind::not_found) == "not-found");
  CHECK(to_text(Problem(Kind::not_found, "no card `x`", "did you mean `y`?")) ==
        "error: no card `x`\n  hint: did you mean `y`?");
}
