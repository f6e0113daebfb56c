#include "lamina/engine/step_timer.h"

namespace lamina {

namespace {
thread_local StepTimer* active = nullptr;
}  // namespace

StepTimer* active_step_timer() { return active; }
StepTimerScope::StepTimerScope(StepTimer* timer) : previous_(active) { active = timer; }
StepTimerScope::~StepTimerScope() { active = previous_; }

}  // namespace lamina
