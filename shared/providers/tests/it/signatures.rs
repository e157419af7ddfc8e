//! `X-Webhook-Signature`, as different senders write it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use providers::{Provider, Rejected};

use crate::{SECRET, hex_mac, verdict};

const BODY: &[u8] = br#"{"event_type":"call.started","call_id":"call-12345"}"#;
const SIGNATURE: &str = "d06897f28e26785bca25e98796774655a4e2bda367c7303dc19d304f389c141d";

fn given(values: &[&str]) -> Result<(), Rejected> {
    let headers: Vec<_> = values.iter().map(|value| ("x-webhook-signature", (*value).to_owned())).collect();
    verdict(Provider::Convin, &headers, BODY, &[SECRET])
}

#[test]
fn the_published_vector_verifies() {
    assert_eq!(hex_mac(SECRET, BODY), SIGNATURE);
    assert_eq!(given(&[SIGNATURE]), Ok(()));
}

#[test]
fn prefix_case_and_encoding_do_not_matter() {
    let mac = hex::decode(SIGNATURE).unwrap();
    for text in [SIGNATURE.to_uppercase(), STANDARD.encode(&mac), STANDARD_NO_PAD.encode(&mac)] {
        assert_eq!(given(&[&text]), Ok(()), "{text}");
        assert_eq!(given(&[&format!("sha256={text}")]), Ok(()), "{text}");
        assert_eq!(given(&[&format!(" {text} ")]), Ok(()), "{text}");
    }
}

#[test]
fn a_repeated_signature_counts_once_and_two_that_differ_count_as_none() {
    let wrong = "0".repeat(64);
    assert_eq!(given(&[SIGNATURE, SIGNATURE]), Ok(()));
    assert_eq!(given(&[&format!("{SIGNATURE},{SIGNATURE}")]), Ok(()));
    for values in [&[SIGNATURE, &wrong][..], &[&wrong, SIGNATURE], &[SIGNATURE, ""], &["", SIGNATURE]] {
        assert_eq!(given(values), Err(Rejected::Unsigned), "{values:?}");
        assert_eq!(given(&[&values.join(", ")]), Err(Rejected::Unsigned), "{values:?}");
    }
}

#[test]
fn what_is_no_signature_is_refused() {
    let short = &SIGNATURE[..62];
    for value in ["", " ", "sha256=", "null", short, &format!("{SIGNATURE}00"), &format!("sha1={SIGNATURE}")]
    {
        assert_eq!(given(&[value]), Err(Rejected::Unsigned), "{value}");
    }
    assert_eq!(given(&[&"0".repeat(64)]), Err(Rejected::WrongSignature));
    let header = [("X-Signature", SIGNATURE.to_owned())];
    assert_eq!(verdict(Provider::Convin, &header, BODY, &[SECRET]), Err(Rejected::Unsigned));
}
