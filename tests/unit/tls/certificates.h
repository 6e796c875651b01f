// A certificate authority for tests: P-256 keys and certificates, made anew in each run.
#pragma once

#include <cassert>
#include <ctime>
#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace sluice::tls {

struct Identity {
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509> certificate;

  [[nodiscard]] std::string CertificatePem() const {
    return Written([this](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
  }
  [[nodiscard]] std::string KeyPem() const {
    return Written([this](BIO* bio) {
      return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

 private:
  template <class Write>
  static std::string Written(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new(BIO_s_mem()), &BIO_free_all);
    write(bio.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<size_t>(size)};
  }
};

class Authority {
 public:
  explicit Authority(const std::string& name = "Test Authority")
      : self_(Make(name, "", -3600, 3600, nullptr)) {}

  // `names` in OpenSSL's words: "DNS:app.example,IP:127.0.0.1". Times in seconds from now.
  [[nodiscard]] Identity Issue(const std::string& names, long from_s = -3600,
                               long until_s = 3600) const {
    return Make("Test Server", names, from_s, until_s, &self_);
  }
  [[nodiscard]] std::string Pem() const { return self_.CertificatePem(); }
  [[nodiscard]] X509* certificate() const { return self_.certificate.get(); }

 private:
  static void AddExtension(X509* to, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    assert(extension != nullptr);
    X509_add_ext(to, extension, -1);
    X509_EXTENSION_free(extension);
  }

  static Identity Make(const std::string& common_name, const std::string& names, long from_s,
                       long until_s, const Identity* issuer) {
    static long serial = 1;
    Identity made;
    made.key = {EVP_EC_gen("P-256"), &EVP_PKEY_free};
    made.certificate = {X509_new(), &X509_free};
    X509* x509 = made.certificate.get();
    X509* by = issuer != nullptr ? issuer->certificate.get() : x509;
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x509), from_s);
    X509_gmtime_adj(X509_getm_notAfter(x509), until_s);
    X509_set_pubkey(x509, made.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                               0);
    X509_set_issuer_name(x509, X509_get_subject_name(by));
    AddExtension(x509, by, NID_basic_constraints,
                 issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
    if (!names.empty()) AddExtension(x509, by, NID_subject_alt_name, names);
    X509_sign(x509, issuer != nullptr ? issuer->key.get() : made.key.get(), EVP_sha256());
    return made;
  }

  Identity self_;
};

}  // namespace sluice::tls
