/// Which ONNX operators are supported: the table behind `seqc inspect --operators` and OPERATORS.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace seqc::frontend {

/// The newest opset of ONNX that models may import.
inline constexpr int64_t kNewestOpset = 22;

struct OperatorSupport {
  enum class Kind {
    Imported,  ///< by an importer of its own
    Function,  ///< through the function body that the ONNX specification gives
    Refused,   ///< `note` says why; empty: nobody has written it yet
  };
  std::string name, domain;       ///< domain "" is ONNX's own
  std::vector<int64_t> versions;  ///< opsets (of the domain) that introduced or changed it
  Kind kind = Kind::Refused;
  int64_t since = 0;           ///< the first opset in which it is supported
  bool moves_strings = false;  ///< takes tensors of strings
  std::string note;            ///< what of it is refused, or why it is
};

/// Every operator of ONNX up to kNewestOpset and of ai.onnx.preview.training, and those of other domains that are
/// supported; sorted by domain and name.
std::vector<OperatorSupport> operator_support();

}  // namespace seqc::frontend
