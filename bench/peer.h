// A peer: another framework in a process of its own, asked by JSON lines.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lamina::bench {

class Peer {
 public:
  /// Starts `python script`; throws Error where that is impossible.
  Peer(const std::string& python, const std::string& script);
  ~Peer();
  Peer(const Peer&) = delete;

  /// The answer to one request; {"error": …} where the peer failed or died.
  nlohmann::json ask(const nlohmann::json& request);

 private:
  int pid_ = -1;
  FILE *to_ = nullptr, *from_ = nullptr;
};

}  // namespace lamina::bench
