//! What no provider may do, whoever joins.

use domain::source::Source;
use providers::{Provider, Rejected};

use crate::{signed, verdict};

const BODY: &[u8] = br#"{"event_type":"call.started","call_id":"call-12345"}"#;

/// A secret for each provider, and none for two.
fn secret(provider: Provider) -> String {
    format!("secret of {}", provider.code())
}

#[test]
fn every_provider_accepts_its_own_senders_with_either_active_secret() {
    for provider in Provider::ALL {
        let secret = secret(provider);
        let headers = signed(provider, &secret, BODY);
        assert_eq!(verdict(provider, &headers, BODY, &[&secret, "older"]), Ok(()));
        assert_eq!(verdict(provider, &headers, BODY, &["newer", &secret]), Ok(()));
        assert_eq!(verdict(provider, &signed(provider, &secret, b""), b"", &[&secret]), Ok(()));
    }
}

#[test]
fn no_provider_accepts_an_unsigned_delivery() {
    for provider in Provider::ALL {
        for secrets in [&[][..], &["", "secret"], &["secret"]] {
            assert_eq!(verdict(provider, &[], BODY, secrets), Err(Rejected::Unsigned));
        }
    }
}

#[test]
fn no_provider_accepts_an_altered_delivery() {
    for provider in Provider::ALL {
        let secret = secret(provider);
        let headers = signed(provider, &secret, BODY);
        for index in 0..BODY.len() {
            let mut altered = BODY.to_vec();
            altered[index] ^= 1;
            assert_eq!(verdict(provider, &headers, &altered, &[&secret]), Err(Rejected::WrongSignature));
        }
        let longer = [BODY, b" "].concat();
        for body in [&BODY[1..], &longer, b""] {
            assert_eq!(verdict(provider, &headers, body, &[&secret]), Err(Rejected::WrongSignature));
        }
    }
}

#[test]
fn no_provider_accepts_a_wrongly_signed_delivery() {
    for provider in Provider::ALL {
        let secret = secret(provider);
        for other in ["", "another", &secret.to_uppercase(), &format!("{secret} ")] {
            let headers = signed(provider, other, BODY);
            assert_eq!(
                verdict(provider, &headers, BODY, &[&secret]),
                Err(Rejected::WrongSignature),
                "{other}"
            );
        }
    }
}

#[test]
fn no_provider_accepts_a_delivery_signed_with_another_providers_secret() {
    for provider in Provider::ALL {
        for other in Provider::ALL.into_iter().filter(|other| *other != provider) {
            let headers = signed(provider, &secret(other), BODY);
            assert_eq!(
                verdict(provider, &headers, BODY, &[&secret(provider)]),
                Err(Rejected::WrongSignature)
            );
        }
    }
}

#[test]
fn without_secrets_nothing_is_accepted_and_an_empty_secret_is_none() {
    for provider in Provider::ALL {
        for signer in ["", "nobody's secret", "secret"] {
            for secrets in [&[][..], &[""], &["", ""]] {
                let verdict = verdict(provider, &signed(provider, signer, BODY), BODY, secrets);
                assert_eq!(verdict, Err(Rejected::WrongSignature), "{signer} {secrets:?}");
            }
        }
    }
}

#[test]
fn every_provider_is_a_source_of_its_own_under_the_same_code() {
    for provider in Provider::ALL {
        assert_eq!(provider.code(), provider.source().code());
        assert_eq!(Provider::parse(&provider.code().to_uppercase()), Some(provider));
        assert_eq!(serde_json::to_value(provider).unwrap(), provider.code());
    }
    assert_eq!(Provider::parse("api"), None);
    assert_eq!(Source::ALL.len(), Provider::ALL.len() + 1, "all sources but our own API are providers");
}
