// The format: "\x93NUMPY", major, minor, header size (u16; u32 from version 2 on), a Python dict as text, the elements.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#include "runtime/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

#include "ir/error.h"
#include "runtime/files.h"
#include "runtime/utf.h"

namespace seqc::runtime {
namespace {

using ir::DType;
using ir::Tensor;

static_assert(std::endian::native == std::endian::little, "elements are written as they lie in memory");

constexpr std::string_view kMagic = "\x93NUMPY";

struct Code {
  DType type;
  std::string_view text;  ///< as in `descr`, after the byte order
};
constexpr std::array kCodes = {Code{DType::f16, "f2"},    Code{DType::bf16, "V2"}, Code{DType::f32, "f4"},
                               Code{DType::f64, "f8"},    Code{DType::i8, "i1"},   Code{DType::i16, "i2"},
                               Code{DType::i32, "i4"},    Code{DType::i64, "i8"},  Code{DType::u8, "u1"},
                               Code{DType::u16, "u2"},    Code{DType::u32, "u4"},  Code{DType::u64, "u8"},
                               Code{DType::boolean, "b1"}};

struct Header {
  DType type = DType::f32;
  bool big_endian = false;
  bool fortran_order = false;
  std::vector<int64_t> shape;
  // Of strings, which all take the same room; NULs fill what is left.
  size_t characters = 0;
  size_t character_size = 0;  ///< 4: code points ("U"), 1: bytes ("S")

  size_t element_size() const { return type == DType::string ? characters * character_size : ir::size_of(type); }
};

/// Reads the dict in a header: keys in any order, no key twice, no others.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Header read() {
    need('{');
    std::optional<std::string> descr;
    std::optional<bool> fortran;
    std::optional<std::vector<int64_t>> shape;
    while (!eat('}')) {
      const std::string key = string();
      need(':');
      if (key == "descr" && !descr)
        descr = string();
      else if (key == "fortran_order" && !fortran)
        fortran = boolean();
      else if (key == "shape" && !shape)
        shape = tuple();
      else
        error(fmt::format("unexpected key '{}'", key));
      if (!eat(',') && peek() != '}') error("expected , or } in the header");
    }
    if (!descr || !fortran || !shape) error("the header lacks one of descr, fortran_order, shape");
    Header header{.fortran_order = *fortran, .shape = std::move(*shape)};
    element_type(*descr, header);
    return header;
  }

  [[noreturn]] void error(const std::string& what) const {
    fail(ErrorKind::BadInput, "{}: is no valid .npy file: {}", name_, what);
  }

 private:
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool eat(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void need(char c) {
    if (!eat(c)) error(fmt::format("expected {} at byte {} of the header", c, at_));
  }

  std::string string() {
    const char quote = peek();
    if (quote == '[') error("structured element types are not supported, expected a plain number type");
    if (quote != '\'' && quote != '"') error(fmt::format("expected a quoted word at byte {} of the header", at_));
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) error("a quote in the header does not end");
    const std::string result(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return result;
  }

  bool boolean() {
    peek();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      return value;
    }
    error("fortran_order is neither True nor False");
  }

  std::vector<int64_t> tuple() {
    std::vector<int64_t> values;
    need('(');
    while (!eat(')')) {
      peek();
      int64_t value = 0;
      const auto [end, code] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
      if (code != std::errc() || value < 0) error("shape is no tuple of sizes");
      at_ = static_cast<size_t>(end - text_.data());
      values.push_back(value);
      if (!eat(',') && peek() != ')') error("shape is no tuple of sizes");
    }
    return values;
  }

  void element_type(std::string_view descr, Header& header) const {
    const bool has_order = !descr.empty() && std::string_view("<>|=").find(descr[0]) != std::string_view::npos;
    header.big_endian = has_order && descr[0] == '>';
    const std::string_view code = descr.substr(has_order ? 1 : 0);
    for (const Code& known : kCodes)
      if (known.text == code) {
        header.type = known.type;
        return;
      }
    if (string_type(code, header)) return;
    if (code == "O") error("its elements are Python objects; save strings as an array of dtype str");
    error(fmt::format("element type '{}' is not supported, expected a float, integer, bool or string type", descr));
  }

  /// "U7" or "S7".
  static bool string_type(std::string_view code, Header& header) {
    if (!code.starts_with('U') && !code.starts_with('S')) return false;
    const auto [end, fault] = std::from_chars(code.data() + 1, code.data() + code.size(), header.characters);
    if (fault != std::errc() || end != code.data() + code.size() || header.characters > (size_t{1} << 32)) return false;
    header.type = DType::string;
    header.character_size = code[0] == 'U' ? 4 : 1;
    return true;
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
};

/// Source offset (in elements) of each row-major element of an array stored column by column.
class FortranWalk {
 public:
  explicit FortranWalk(const std::vector<int64_t>& shape) : shape_(shape), index_(shape.size(), 0) {
    int64_t stride = 1;
    for (const int64_t size : shape) {
      strides_.push_back(stride);
      stride *= size;
    }
  }
  int64_t next() {
    const int64_t result = offset_;
    for (size_t axis = shape_.size(); axis-- > 0;) {
      offset_ += strides_[axis];
      if (++index_[axis] < shape_[axis]) break;
      offset_ -= strides_[axis] * shape_[axis];
      index_[axis] = 0;
    }
    return result;
  }

 private:
  const std::vector<int64_t>& shape_;
  std::vector<int64_t> index_, strides_;
  int64_t offset_ = 0;
};

void copy_elements(const char* from, const Header& header, Tensor& tensor) {
  const size_t size = ir::size_of(header.type);
  std::byte* to = tensor.mutable_bytes();
  if (tensor.count() > 0 && !header.fortran_order) std::memcpy(to, from, tensor.byte_size());
  if (header.fortran_order) {
    FortranWalk walk(tensor.shape());
    for (int64_t i = 0; i < tensor.count(); ++i)
      std::memcpy(to + static_cast<size_t>(i) * size, from + static_cast<size_t>(walk.next()) * size, size);
  }
  if (header.big_endian && size > 1)
    for (size_t i = 0; i < tensor.byte_size(); i += size) std::reverse(to + i, to + i + size);
  if (header.type == DType::boolean)
    for (size_t i = 0; i < tensor.byte_size(); ++i) to[i] = std::byte(to[i] != std::byte(0));
}

/// One string of a file, without the NULs that fill its room; nothing if it holds what is no text.
std::optional<std::string> string_element(const char* from, const Header& header) {
  if (header.character_size == 1) {
    const std::string_view room(from, header.characters);
    return std::string(room.substr(0, room.find_last_not_of('\0') + 1));
  }
  std::vector<uint32_t> points(header.characters);
  if (!points.empty()) std::memcpy(points.data(), from, 4 * points.size());
  if (header.big_endian)
    for (uint32_t& point : points) point = __builtin_bswap32(point);
  while (!points.empty() && points.back() == 0) points.pop_back();
  return utf8(points);
}

Tensor string_tensor(std::string_view elements, const Header& header, const HeaderReader& whole) {
  std::vector<std::string> texts;
  FortranWalk walk(header.shape);
  const size_t size = header.element_size(), count = elements.empty() ? 0 : elements.size() / size;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = header.fortran_order ? static_cast<size_t>(walk.next()) : i;
    auto text = string_element(elements.data() + at * size, header);
    if (!text) whole.error(fmt::format("string {} holds a number that is no code point", i));
    texts.push_back(*std::move(text));
  }
  return Tensor::strings(header.shape, texts);
}

/// Elements of NumPy's type "U", each with room for the longest, and that type.
std::pair<std::string, std::string> string_elements(const Tensor& tensor) {
  std::vector<std::vector<uint32_t>> texts;
  size_t longest = 1;  // NumPy has no strings of no characters
  for (int64_t i = 0; i < tensor.count(); ++i) {
    auto points = code_points(tensor.text(i));
    if (!points)
      fail(ErrorKind::BadInput, "string {} of {} is no UTF-8, and .npy files hold nothing else", i, tensor.type_str());
    texts.push_back(*std::move(points));
    longest = std::max(longest, texts.back().size());
  }
  std::string elements;
  for (std::vector<uint32_t>& points : texts) {
    points.resize(longest);
    elements.append(reinterpret_cast<const char*>(points.data()), 4 * longest);
  }
  return {fmt::format("<U{}", longest), std::move(elements)};
}

/// The elements as they are, and NumPy's name of their type.
std::pair<std::string, std::string> number_elements(const Tensor& tensor) {
  const auto code = std::find_if(kCodes.begin(), kCodes.end(), [&](const Code& c) { return c.type == tensor.dtype(); });
  return {fmt::format("{}{}", code->text.back() == '1' ? '|' : '<', code->text),
          std::string(reinterpret_cast<const char*>(tensor.bytes()), tensor.byte_size())};
}

}  // namespace

Tensor parse_npy(std::string_view bytes, const std::string& name) {
  const HeaderReader whole(bytes, name);
  if (!bytes.starts_with(kMagic)) whole.error("it does not begin with \\x93NUMPY");
  if (bytes.size() < 10) whole.error("it ends within the header");
  const int version = static_cast<unsigned char>(bytes[6]);
  if (version < 1 || version > 3) whole.error(fmt::format("version {} is unknown, expected 1, 2 or 3", version));
  const size_t begin = version == 1 ? 10 : 12;
  size_t header_size = 0;
  for (size_t i = begin; i-- > 8;)
    header_size = header_size << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u);
  if (bytes.size() < begin || bytes.size() - begin < header_size) whole.error("it ends within the header");
  const Header header = HeaderReader(bytes.substr(begin, header_size), name).read();

  const std::string_view elements = bytes.substr(begin + header_size);
  uint64_t expected = header.element_size();
  bool overflow = false;
  for (const int64_t size : header.shape)
    overflow = __builtin_mul_overflow(expected, static_cast<uint64_t>(size), &expected) || overflow;
  const bool any = std::find(header.shape.begin(), header.shape.end(), 0) == header.shape.end();
  if (any && header.element_size() == 0) whole.error("its strings have room for no character");
  if (overflow || expected != elements.size())
    whole.error(fmt::format("it holds {} bytes of elements, its header says {}[{}]", elements.size(),
                            ir::name(header.type), fmt::join(header.shape, ",")));
  if (header.type == DType::string) return string_tensor(elements, header, whole);
  Tensor tensor(header.type, header.shape);
  copy_elements(elements.data(), header, tensor);
  return tensor;
}

Tensor load_npy(const std::string& path) { return parse_npy(read_file(path), path); }

std::string npy_bytes(const Tensor& tensor) {
  const auto [type, elements] = tensor.dtype() == DType::string ? string_elements(tensor) : number_elements(tensor);
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", type,
                                   fmt::join(tensor.shape(), ", "), tensor.rank() == 1 ? "," : "");
  constexpr size_t kPrefix = 10, kAlignment = 64;
  const size_t used = kPrefix + header.size() + 1;
  header.append((kAlignment - used % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += {'\1', '\0', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  bytes += header;
  bytes += elements;
  return bytes;
}

void save_npy(const std::string& path, const Tensor& tensor) { write_file(path, npy_bytes(tensor)); }

}  // namespace seqc::runtime
