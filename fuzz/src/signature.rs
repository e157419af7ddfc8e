//! No header but one that holds the body's own MAC passes for a signature. The byte 1 in what is tried stands for that
//! MAC in hex, 2 for it in base64: without them no header would ever pass.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use providers::{Delivery, Provider, Secrets};
use sha2::Sha256;

const SECRET: &str = "a secret";
const BODY: &[u8] = b"{}";

fuzz_target!(|tried: &[u8]| {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(BODY);
    let mac = mac.finalize().into_bytes();
    let (hex, base64) = (hex::encode(mac), STANDARD_NO_PAD.encode(mac));
    let mut header = Vec::new();
    for byte in tried {
        match byte {
            1 => header.extend_from_slice(hex.as_bytes()),
            2 => header.extend_from_slice(base64.as_bytes()),
            other => header.push(*other),
        }
    }
    let secrets = Secrets::new([SECRET.to_owned()]);
    let strangers = Secrets::new(["another".to_owned()]);
    for provider in Provider::ALL {
        let delivery = Delivery::new([("x-webhook-signature", header.as_slice())], BODY);
        if provider.adapter().verify(&delivery, &secrets).is_ok() {
            let header = std::str::from_utf8(&header).unwrap();
            assert!(header.to_ascii_lowercase().contains(&hex) || header.contains(&base64));
        }
        assert!(provider.adapter().verify(&delivery, &strangers).is_err());
    }
});
