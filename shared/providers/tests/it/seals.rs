//! Behind the queue, only what we sealed opens, and only for its tenant.

use domain::ids::TenantId;
use domain::time::Timestamp;
use providers::{Delivery, Provider, Rejected, SealedDelivery, Secrets};

use crate::{SECRET, received_at, signed};

const KEY: [u8; 32] = [7; 32];
const BODY: &[u8] = b"{\"call_id\":\"1\"}\xff\x00";

fn sealed() -> SealedDelivery {
    let headers = signed(Provider::Convin, SECRET, BODY);
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let delivery = Delivery::new(headers, BODY);
    let secrets = Secrets::new([SECRET.to_owned()]);
    let verified = Provider::Convin.adapter().verify(&delivery, &secrets).unwrap();
    verified.seal(&KEY, TenantId::parse("demo").unwrap(), "dlv_1".to_owned(), received_at())
}

#[test]
fn a_sealed_delivery_opens_behind_the_queue_as_it_was() {
    let message = serde_json::to_string(&sealed()).unwrap();
    let received: SealedDelivery = serde_json::from_str(&message).unwrap();
    let opened = received.open(&KEY).unwrap();
    assert_eq!((opened.provider(), opened.body()), (Provider::Convin, BODY));
    assert_eq!((received.tenant.as_str(), &*received.delivery_id), ("demo", "dlv_1"));
}

#[test]
fn another_key_opens_nothing() {
    assert_eq!(sealed().open(&[8; 32]).unwrap_err(), Rejected::WrongSeal);
}

#[test]
fn a_message_that_was_altered_in_any_field_does_not_open() {
    let alter: [fn(&mut SealedDelivery); 7] = [
        |sealed| sealed.delivery_id.push('0'),
        |sealed| sealed.tenant = TenantId::parse("acme").unwrap(),
        |sealed| sealed.provider = Provider::Telephony,
        |sealed| sealed.received_at = Timestamp::from_ms(sealed.received_at.ms() + 1),
        |sealed| sealed.body.replace_range(0..1, "f"),
        |sealed| sealed.body.clear(),
        |sealed| sealed.body.push('!'),
    ];
    for (index, alter) in alter.into_iter().enumerate() {
        let mut altered = sealed();
        alter(&mut altered);
        assert_eq!(altered.open(&KEY).unwrap_err(), Rejected::WrongSeal, "alteration {index}");
    }
}

#[test]
fn a_message_with_a_made_up_seal_does_not_open() {
    let message = serde_json::to_value(sealed()).unwrap();
    for seal in ["", "00", &"0".repeat(64), "not hex"] {
        let mut forged = message.clone();
        forged["seal"] = seal.into();
        let forged: SealedDelivery = serde_json::from_value(forged).unwrap();
        assert_eq!(forged.open(&KEY).unwrap_err(), Rejected::WrongSeal, "{seal}");
    }
}

#[test]
fn what_is_printed_tells_nothing_of_the_body() {
    let sealed = sealed();
    let printed = format!("{sealed:?} {:?}", sealed.open(&KEY).unwrap());
    assert_eq!(printed, "SealedDelivery(dlv_1, demo, convin) Verified(convin, 17 bytes)");
}
