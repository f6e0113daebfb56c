// Which instruction sets the Highway kernels are compiled for. Include before any Highway header.
#pragma once

#include <hwy/detect_targets.h>

// Few targets keep the build short: what AVX-512 and AVX2 machines have, and the portable baseline.
#undef HWY_DISABLED_TARGETS
#if defined(HWY_AVX3_ZEN4) && defined(HWY_AVX3_SPR)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_AVX3_ZEN4 | HWY_AVX3_SPR)
#else
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#endif
