// Loads an exported model and writes the instances of picture files, as a model server would:
//
//   bazel run //cc/serving:run_saved_model -- <model folder> <output folder> <PNG, JPEG or BMP file>...
//
// The op is linked into this program, so no shared object is loaded. For each file it writes
// <name>.instances.png, the instance ids as PNG of 16 bits, and <name>.instances.txt, a line for each
// instance: id, class index, score, size in pixels, box (y0 x0 y1 x1, ends exclusive).

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/protobuf/meta_graph.pb.h"

namespace {

using tensorflow::SavedModelBundle;
using tensorflow::Tensor;

constexpr char kSignature[] = "image_bytes";
const std::vector<std::string> kOutputs = {"instance_ids_png_bytes", "num_instances", "classes",
                                           "scores",           "sizes",         "boxes"};

// Returns the names of the tensors that a signature calls `names`, or an empty list and a message.
std::vector<std::string> TensorNames(
    const google::protobuf::Map<std::string, tensorflow::TensorInfo>& infos,
    const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const auto info = infos.find(name);
    if (info == infos.end()) {
      std::cerr << "the signature " << kSignature << " has no tensor `" << name << "`\n";
      return {};
    }
    found.push_back(info->second.name());
  }
  return found;
}

// Writes `content` so that the file appears whole or not at all.
bool WriteFile(const std::filesystem::path& path, const std::string& content) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  {
    std::ofstream file(temporary, std::ios::binary);
    file << content;
    file.close();
    if (!file) {
      std::cerr << path << ": cannot be written\n";
      return false;
    }
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) std::cerr << path << ": " << error.message() << "\n";
  return !error;
}

// Returns the lines of the text file, from the outputs of `kOutputs`.
std::string Describe(const std::vector<Tensor>& outputs) {
  const int32_t count = outputs[1].vec<int32_t>()(0);
  const auto classes = outputs[2].matrix<int32_t>();
  const auto scores = outputs[3].matrix<float>();
  const auto sizes = outputs[4].matrix<int64_t>();
  const auto boxes = outputs[5].tensor<int32_t, 3>();
  std::ostringstream text;
  text << std::setprecision(std::numeric_limits<float>::max_digits10);
  for (int32_t i = 0; i < count; ++i) {
    text << i + 1 << ' ' << classes(0, i) << ' ' << scores(0, i) << ' ' << sizes(0, i);
    for (int corner = 0; corner < 4; ++corner) text << ' ' << boxes(0, i, corner);
    text << '\n';
  }
  return text.str();
}

// Segments one file. Returns whether it worked; if not, a message that names the file was printed.
bool Segment(const SavedModelBundle& model, const std::string& input,
             const std::vector<std::string>& fetches, const std::filesystem::path& path,
             const std::filesystem::path& output_dir) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::cerr << path << ": cannot be read\n";
    return false;
  }
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  Tensor image(tensorflow::DT_STRING, {1});
  image.vec<tensorflow::tstring>()(0) = content;
  std::vector<Tensor> outputs;
  const auto status = model.session->Run({{input, image}}, fetches, {}, &outputs);
  if (!status.ok()) {
    std::cerr << path << ": " << status.message() << "\n";
    return false;
  }
  const std::filesystem::path base = output_dir / (path.stem().string() + ".instances");
  const std::string ids(outputs[0].vec<tensorflow::tstring>()(0));
  return WriteFile(base.string() + ".png", ids) && WriteFile(base.string() + ".txt", Describe(outputs));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: run_saved_model <model folder> <output folder> <PNG, JPEG or BMP file>...\n";
    return 2;
  }
  std::set<std::filesystem::path> stems;
  for (int i = 3; i < argc; ++i) {
    if (stems.insert(std::filesystem::path(argv[i]).stem()).second) continue;
    std::cerr << argv[i] << ": names of files must differ, without folder and suffix: the results "
              << "of another one would be replaced\n";
    return 2;
  }
  SavedModelBundle model;
  const auto status =
      tensorflow::LoadSavedModel(tensorflow::SessionOptions(), tensorflow::RunOptions(), argv[1],
                                 {"serve"}, &model);
  if (!status.ok()) {
    std::cerr << argv[1] << ": " << status.message() << "\n";
    return 1;
  }
  const auto& signatures = model.GetSignatures();
  const auto signature = signatures.find(kSignature);
  if (signature == signatures.end()) {
    std::cerr << argv[1] << ": has no signature `" << kSignature << "`\n";
    return 1;
  }
  const auto inputs = TensorNames(signature->second.inputs(), {kSignature});
  const auto fetches = TensorNames(signature->second.outputs(), kOutputs);
  if (inputs.empty() || fetches.empty()) return 1;
  std::error_code error;
  std::filesystem::create_directories(argv[2], error);
  if (error) {
    std::cerr << argv[2] << ": " << error.message() << "\n";
    return 1;
  }
  bool all_done = true;
  for (int i = 3; i < argc; ++i) {
    all_done &= Segment(model, inputs[0], fetches, argv[i], argv[2]);
  }
  return all_done ? 0 : 1;
}
