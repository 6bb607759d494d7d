#pragma once
// Messages as Protocol Buffers itself reads and writes them, from the text of a .proto file.

#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <memory>
#include <string>
#include <string_view>

#include "support/catch.hpp"

namespace troupe::net::codec_test {

class schema : private google::protobuf::io::ErrorCollector,
               private google::protobuf::DescriptorPool::ErrorCollector {
 public:
  explicit schema(const std::string& proto)
      : pool_(google::protobuf::DescriptorPool::generated_pool()) {
    INFO(proto);
    google::protobuf::io::ArrayInputStream input(proto.data(), static_cast<int>(proto.size()));
    google::protobuf::io::Tokenizer tokens(&input, this);
    google::protobuf::compiler::Parser parser;
    parser.RecordErrorsTo(this);
    google::protobuf::FileDescriptorProto parsed;
    parsed.set_name("test.proto");
    const bool done = parser.Parse(&tokens, &parsed);
    INFO(errors_);
    REQUIRE(done);
    file_ = pool_.BuildFileCollectingErrors(parsed, this);
    INFO(errors_);
    REQUIRE(file_ != nullptr);
  }

  using message = std::unique_ptr<google::protobuf::Message>;
  /// From protobuf's text format: `x: 1 label: "a"`.
  message make(const std::string& type, const std::string& text = "") {
    message out = blank(type);
    REQUIRE(google::protobuf::TextFormat::ParseFromString(text, out.get()));
    return out;
  }
  /// From bytes of the wire, every one of them known to the schema.
  message parse(const std::string& type, const std::string& bytes) {
    message out = blank(type);
    REQUIRE(out->ParseFromString(bytes));
    CHECK(out->GetReflection()->GetUnknownFields(*out).empty());
    return out;
  }
  /// The value that these bytes are, in protobuf's text format.
  std::string text(const std::string& type, const std::string& bytes) {
    google::protobuf::TextFormat::Printer printer;
    printer.SetSingleLineMode(true);
    std::string out;
    REQUIRE(printer.PrintToString(*parse(type, bytes), &out));
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
  }

 private:
  message blank(const std::string& type) {
    INFO(type);
    const auto* found = file_->pool()->FindMessageTypeByName(
        file_->package().empty() ? type : file_->package() + "." + type);
    REQUIRE(found != nullptr);
    return message(factory_.GetPrototype(found)->New());
  }
  void AddError(int line, int, const std::string& what) override {
    errors_ += std::to_string(line + 1) + ": " + what + "\n";
  }
  void AddError(const std::string&, const std::string& element, const google::protobuf::Message*,
                ErrorLocation, const std::string& what) override {
    errors_ += element + ": " + what + "\n";
  }

  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  const google::protobuf::FileDescriptor* file_ = nullptr;
  std::string errors_;
};

}  // namespace troupe::net::codec_test
