#include "lamina/core/error.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace lamina {

Error::Error(std::string where, std::string message)
    : std::runtime_error(message), where_(std::move(where)), message_(std::move(message)) {
  compose();
}

Error& Error::detail(std::string line) {
  details_ += "\n  " + line;
  compose();
  return *this;
}

Error& Error::hint(std::string text) {
  hint_ = std::move(text);
  compose();
  return *this;
}

Error& Error::in_module(std::string_view name) {
  module_path_ = module_path_.empty() ? std::string(name) : std::string(name) + "." + module_path_;
  compose();
  return *this;
}

void Error::compose() {
  text_ = where_.empty() ? message_ : where_ + ": " + message_;
  text_ += details_;
  if (!module_path_.empty()) text_ += "\n  in layer \"" + module_path_ + "\"";
  if (!hint_.empty()) text_ += "\n  hint: " + hint_;
}

void NameList::add(std::string_view name) {
  if (!joined_.empty()) joined_ += ", ";
  joined_ += name;
}

std::string NameList::str() const { return joined_; }

namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string NameList::nearest(std::string_view name) const {
  std::string best;
  size_t least = std::max<size_t>(2, name.size() / 2) + 1;
  std::string_view rest = joined_;
  while (!rest.empty()) {
    const size_t comma = rest.find(", ");
    const std::string_view word = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 2);
    const size_t distance = edit_distance(name, word);
    if (distance < least) {
      least = distance;
      best = word;
    }
  }
  return best;
}

}  // namespace lamina
