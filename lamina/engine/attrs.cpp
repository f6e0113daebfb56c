#include "lamina/engine/attrs.h"

namespace lamina {

const std::string& Attrs::json() const {
  static const std::string none = "{}";
  return held_ ? held_->text : none;
}

}  // namespace lamina
