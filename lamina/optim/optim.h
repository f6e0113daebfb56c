// All optimizers and schedules.
#pragma once

#include "lamina/optim/adam.h"
#include "lamina/optim/adaptive.h"
#include "lamina/optim/clip.h"
#include "lamina/optim/lbfgs.h"
#include "lamina/optim/schedule.h"
#include "lamina/optim/sgd.h"
