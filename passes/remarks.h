/// What passes did to the loops of a function, what they left as it was, and the numbers that decided: for people, kept only
/// when somebody asks (PassContext::remarks).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ir/ir.h"

namespace seqc::passes {

/// One thing that a pass did, or could have done and did not.
struct Remark {
  std::string pass;  ///< "hoist-projections"
  int scan = -1;     ///< which of Remarks::scans() it is about, the innermost around the op; -1: none
  std::string op;    ///< "contract %xt: f32[N,8], @W: f32[32,8]"; empty: about the scan itself
  bool done = false;
  std::string what;  ///< "leaves the scan as one product over all steps"; of what was not done: "stays in the scan"
  std::string why;   ///< a clause with the numbers that decided
};

/// The remarks of a pipeline, in order. Passes look at `PassContext::remarks` and say nothing when it is null.
class Remarks {
 public:
  /// A scan that was there at any stage. It keeps its number while passes rewrite it in place.
  struct Scan {
    std::string location;  ///< the source it comes from
    std::string name;      ///< of its first result that has one: "%Y_h"
    std::string length;    ///< its steps
    int steps_of = -1;     ///< the scan that runs its steps now, where it was replaced
  };

  /// To be called before each pass, and once behind the last one.
  void observe(const ir::Function& function, std::string_view pass);

  /// `about`: an op of the function, a scan or anything else.
  void did(const ir::Op* about, std::string what, std::string why) {
    add(about, true, std::move(what), std::move(why));
  }
  void left(const ir::Op* about, std::string what, std::string why) {
    add(about, false, std::move(what), std::move(why));
  }
  /// Says that `by` does what `scan` did. To be called while both are there.
  void replaced(const ir::Op* scan, const ir::Op* by);

  const std::vector<Remark>& all() const { return all_; }
  const std::vector<Scan>& scans() const { return scans_; }
  /// The number of a scan; -1 for one that was never observed.
  int number(const ir::Op* scan) const;

 private:
  void add(const ir::Op* about, bool done, std::string what, std::string why);
  int note(const ir::Op* scan);

  std::string pass_;
  std::vector<Remark> all_;
  std::vector<Scan> scans_;
  std::map<const ir::Op*, int> numbers_;
};

/// An op in few words: mnemonic, operands with their types.
std::string short_text(const ir::Op& op);
/// A value: `%xt: f32[N,8]`, `@W: f32[32,8]`, the type alone where it has no name.
std::string short_text(const ir::Value& value);
/// "scan of %h (lstm1)", what a scan is called in sentences.
std::string scan_text(const Remarks::Scan& scan);
/// One line: `did hoist-projections, scan of %h: contract ...: leaves the scan: why`.
std::string text(const Remark& remark, const Remarks& remarks);

}  // namespace seqc::passes
