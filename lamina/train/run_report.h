// The parts of a run's report.html.
#pragma once

#include <string>

#include "lamina/report/report.h"
#include "lamina/train/trainer.h"

namespace lamina::train {

/// What the run directory tells: curves, environment, recipe, the command that repeats the run, figures of the step.
report::Report report_of_run(const std::string& run_dir);

/// Results on a set, and what went wrong there: confusion matrix, figures per class, the most confident mistakes (as
/// pictures where the set holds some); of values, predicted against true ones and the largest errors. Of tags and
/// sequences only the results. `predictions`: raw outputs, [n, …].
void add_results(report::Report& page, const Results& results, const Tensor& predictions, const data::Dataset& set);

/// Results alone, as the figures at the head of the page.
void add_headline(report::Report& page, const Results& results);

/// A row per layer. `input`: one example with the batch axis.
void add_layers(report::Report& page, nn::Module& network, const Shape& input, DType dtype);

struct PlanFigures;

/// Figures of the captured step and of all its plans, kept in run_dir/step.json.
void save_step_figures(const std::string& run_dir, const graph::Report& step, const PlanFigures& captured);

}  // namespace lamina::train
