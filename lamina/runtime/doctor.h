// What this machine and this build offer, and what is missing, with the reason.
#pragma once

#include <string>
#include <vector>

namespace lamina::runtime {

struct Finding {
  enum class State { ok, missing, problem };
  std::string group;  // "cpu", "memory", "libraries", "backends", "data"
  std::string name;   // "AVX2"
  std::string value;  // "yes", "2.6.3", "no: …"
  State state = State::ok;
  std::string advice;  // what to do about it; empty where nothing is to be done
};

/// Takes no measurements; a few milliseconds.
std::vector<Finding> examine();

}  // namespace lamina::runtime
