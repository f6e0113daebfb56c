// The only place that names the backends.
#include "lamina/backends/cpu/cpu.h"

namespace lamina {

std::vector<const Backend*> default_backends() { return {&cpu_backend()}; }

}  // namespace lamina
