#pragma once
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace mlib {

/// SHA-256 of texts, one behind the other; sha256_hex of one text is in text.hpp.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  /// 64 hex digits; once, at the end.
  std::string hex();

 private:
  std::shared_ptr<evp_md_ctx_st> context_;
};

}  // namespace mlib
