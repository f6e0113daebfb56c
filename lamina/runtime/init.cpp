// The only place that names the backends.
#include "lamina/backends/cpu/cpu.h"
#include "lamina/backends/ref/ref.h"

namespace lamina {

std::vector<const Backend*> default_backends() { return {&cpu_backend(), &ref_backend()}; }

}  // namespace lamina
