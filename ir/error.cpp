#include "ir/error.h"

namespace seqc {

void internal_error(const char* file, int line, const char* condition, const std::string& message) {
  throw Error(ErrorKind::Internal,
              fmt::format("internal error at {}:{}: {} (check failed: {})", file, line, message, condition));
}

}  // namespace seqc
