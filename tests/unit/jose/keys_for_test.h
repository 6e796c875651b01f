// Keys made for these tests alone: (private, public) in PEM, and the public ones as JWK members.
#pragma once

#include <string_view>
#include <utility>

namespace sluice::jose {

using PemPair = std::pair<std::string_view, std::string_view>;

inline PemPair RsaPem() {
  return {R"(-----BEGIN PRIVATE KEY-----
MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDIxBK7lC0iRO5O
GBzF5akiQ6C7Bq/ukGeBqx6R8w9C26a+Oo/TcTGeqkoTG5GReiOf6bBTu6JRfURR
i7u/E/8VJpcHZM2ewnDjWvRBG8NTyUNS/HmYQN5fR0ChKzZh2vUm4/2jZh2AwgKJ
1nhmCRkgBZJlsQsgr9WipNct93kdlUAS+U2OLpGvseeiU1WrASg7wk34VrBLhvza
IIMf/Nj1mIDuQvzITkkxOVn8b5733+PLL1rQPvjdmhjz9q4cR0/8jSC7VE8f0BSA
TDKm6ZRyhoFgNpt4EEhUkAfql342CijbVYiyXDTDon8ElLkwZ8rHfnkY77F73hW+
FqOsxAMJAgMBAAECggEAJTMZcnrF8yHZEwzKNgv0DxZ/T3AxhI9qsl7R2wKxqvZ2
mqxQroG8izTr5Ub4Lb+3HqAHDTjI3ncKw95TkxfiLZnZJaRSqi5GiwX1GKRLiLiT
2ipQYHryiS5zZfmTCcYvov1fJ5nZ8Rvhqwcbh3J7npCRu/h2Qp/6AnkvKsP+Q9Hp
/9HBMK7ZElejgp/yoX96GQHiN6RLw5DZ2XkK0ykejE8KpnF5/6CJSMKXunbX01JB
GbPQGSfH1SJ8eGvPoMWcAqOXOsjKpSQZ07RRBpLPUT8RRQfSp9jH3b45OTDtUwmG
3z9Uf87emPks3VYzdpSPu4qYKOIfRNT/e62oJNll5QKBgQDp2Sm5Y/Ca96v/i5wU
ic4WkEHGm6X2R208gQ4rXZyecqVELMSbYhQPlxLsxAp/BhM4sobUA8XREvpqH/S3
47kWrcfzIYetgXLiR6Khx9VehSRfGPbeUesRiNnk9GLaVqaUUnLaP+GjCPkTzybk
+EhsxUxhJFKRvnz8kA9VPLUl5QKBgQDbyKkBHyWiqYZlsBHv5duKisHh6Z77rYQH
91F3MWtkZaUNMibFg5U7Lqr08WFBZc4SacmlEUE4gtQkd0C/S9Bd7o5+ux+txLIl
O954hOUghd6W1jkRXzmvZJgHAl3YC5RNRzTfqNB1PZbKkO1nVkYpVB4PztRYHk6j
1eNt3B3WVQKBgA/TLVqpY7fo+M/DT92n8bVfL8RT9igzbzX/+ch/fkDOu1ZgvTFS
ss7XR2WUYq1z6MsWcb9ZPgLHCQEzhmkHVRguzHAsnbTlJLQhauUN0+eglPSGiPZE
jubR3wT6cNIbuQwihDk2x3sz+T8Y7qXiE2yg8WlFfvzz6hthWFhJUmztAoGAJAfp
bP2mNdyE4/bRefq82yGUV2ztW2U+1+97s4aujG79eARYxtijhmhILo/D2ezOs8YU
ALOrdZA9Jx1FyBatujh5s90JfHtamTAPcMKYrZREwYWtJWPvGQnswnlo2RpM3b5m
tKQASLgoGF1aDi7eobfglcbamPee/Mz70+7aFWECgYBo8OZhBLzl1LZEdNzOTaXD
R8bte5BAgViMXScYNq/W3nQ/Jq2W1f7nv2OKB2wudBfxaAs3Dow3VXz9MHhlzFlh
vkLPeL2L4wNbMhpDW1KI0CyJyV9/qepx/ZxMEZdnrg/9W5L/nkabJAD6zLFUliQX
jsDXNiLqQHQpgiY16T/ZOw==
-----END PRIVATE KEY-----
)",
          R"(-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyMQSu5QtIkTuThgcxeWp
IkOguwav7pBngasekfMPQtumvjqP03ExnqpKExuRkXojn+mwU7uiUX1EUYu7vxP/
FSaXB2TNnsJw41r0QRvDU8lDUvx5mEDeX0dAoSs2Ydr1JuP9o2YdgMICidZ4ZgkZ
IAWSZbELIK/VoqTXLfd5HZVAEvlNji6Rr7HnolNVqwEoO8JN+FawS4b82iCDH/zY
9ZiA7kL8yE5JMTlZ/G+e99/jyy9a0D743ZoY8/auHEdP/I0gu1RPH9AUgEwypumU
coaBYDabeBBIVJAH6pd+Ngoo21WIslw0w6J/BJS5MGfKx355GO+xe94VvhajrMQD
CQIDAQAB
-----END PUBLIC KEY-----
)"};
}

inline PemPair EcPem() {
  return {R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZzeA+1+v+cciLpue
tmCtPOFTOSlMrKpoI8qgy+s1MyyhRANCAATDQMfBTv5OG3KuyV+Qilz9m+K8eUIj
W0rGKFLH3mSy3qkCeJx+i4Le58ZWATRzsCImDGx4eFgQaHQocZqdrmP8
-----END PRIVATE KEY-----
)",
          R"(-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEw0DHwU7+ThtyrslfkIpc/ZvivHlC
I1tKxihSx95kst6pAnicfouC3ufGVgE0c7AiJgxseHhYEGh0KHGana5j/A==
-----END PUBLIC KEY-----
)"};
}

inline PemPair EdPem() {
  return {R"(-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIIy4wPejlnOTzUIa1SCNeqj9ggUG7CMxSDosDndoZEKj
-----END PRIVATE KEY-----
)",
          R"(-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAkkwyBz5cyy7gAAv1uX34FWNxu1Fu4HwQi39E8jUboTE=
-----END PUBLIC KEY-----
)"};
}

// Public keys that are refused.
inline constexpr std::string_view kRsa1024Pem = R"(-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDErlKocRkK5DAvBaEzVcWmb1eb
94J31urxVjSOB7fB9wzMu5BBEdSOsn+gMJUAHr+XrKaJ5nHsTcow7Bg8N3oHl1GG
ivU7ZHN7YKpfp0jcl8gwGwDhk5dBib0vBwqJDNtmglpJETMGdACknGWMF0KXAm1Q
TAsvHavQrqdQPc01AQIDAQAB
-----END PUBLIC KEY-----
)";
inline constexpr std::string_view kP384Pem = R"(-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE+IgatYOjRX2eb5vBRYdfIWzxz5izd3ox
PdXf2Km4JWpDSK/SQbXIpFnm5D7AAOF6uUo38gIjpBYKtv8xnWAwg+KIv40AHFCX
zapANT512VoN4WE69He8g9l4SZdTkGI8
-----END PUBLIC KEY-----
)";
inline constexpr std::string_view kEd448Pem = R"(-----BEGIN PUBLIC KEY-----
MEMwBQYDK2VxAzoAmiCsx1TrTv3e6jbbk68FgXCXJr53pQmAzzJbSwv+a6nYrO9c
17FCEpA/ezIHsBsy4fSkJEZKGW6A
-----END PUBLIC KEY-----
)";

inline constexpr std::string_view kRsaJwk =
    R"("kty":"RSA","e":"AQAB","n":"yMQSu5QtIkTuThgcxeWpIkOguwav7pBngasekfMPQtumvjqP03ExnqpKExuRkXojn-mwU7uiUX1EUYu7vxP_FSaXB2TNnsJw41r0QRvDU8lDUvx5mEDeX0dAoSs2Ydr1JuP9o2YdgMICidZ4ZgkZIAWSZbELIK_VoqTXLfd5HZVAEvlNji6Rr7HnolNVqwEoO8JN-FawS4b82iCDH_zY9ZiA7kL8yE5JMTlZ_G-e99_jyy9a0D743ZoY8_auHEdP_I0gu1RPH9AUgEwypumUcoaBYDabeBBIVJAH6pd-Ngoo21WIslw0w6J_BJS5MGfKx355GO-xe94VvhajrMQDCQ")";
inline constexpr std::string_view kEcJwk =
    R"("kty":"EC","crv":"P-256","x":"w0DHwU7-ThtyrslfkIpc_ZvivHlCI1tKxihSx95kst4","y":"qQJ4nH6Lgt7nxlYBNHOwIiYMbHh4WBBodChxmp2uY_w")";
inline constexpr std::string_view kEdJwk =
    R"("kty":"OKP","crv":"Ed25519","x":"kkwyBz5cyy7gAAv1uX34FWNxu1Fu4HwQi39E8jUboTE")";

}  // namespace sluice::jose
