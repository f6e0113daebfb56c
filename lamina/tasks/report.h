// The report of a run.
#pragma once

#include <string>

#include "lamina/tasks/run.h"

namespace lamina::tasks {

/// Writes RUN/report.html, one file without external references: curves, measures on the test part, confusion matrix,
/// the most confident mistakes as pictures, layers, environment, recipe, and the command that repeats the run. Where
/// the data cannot be opened any more, what needs them is left out and said so. Returns the path.
std::string write_report(const Run& run);

}  // namespace lamina::tasks
