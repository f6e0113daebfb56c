#include "lamina/tasks/report.h"

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/report/report.h"
#include "lamina/tasks/evaluate.h"
#include "lamina/train/run_report.h"

namespace lamina::tasks {

std::string write_report(const Run& run) {
  const std::string path = run.path + "/report.html";
  Trained trained = load_trained(run);
  recipe::Setting resolved;
  DataParts data;
  try {
    data = open_data(run.recipe, resolved);
  } catch (const Error& e) {
    report::Report page = train::report_of_run(run.path);
    Shape batch = run.facts.input;
    batch.insert(0, 1);
    train::add_layers(page, trained.plan.task->module(), batch, run.facts.dtype);
    page.notes.push_back(std::string("The data could not be opened, so nothing was measured anew: ") + e.what());
    io::write_file_atomically(path, report::html(page));
    return path;
  }
  trained.trainer->write_report(data.test ? data.test : data.validation ? data.validation : data.train);
  return path;
}

}  // namespace lamina::tasks
