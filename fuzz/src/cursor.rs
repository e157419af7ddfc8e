//! No cursor opens but those that were sealed, and each of those opens to what it was sealed from.
#![no_main]

use api::Cursors;
use domain::ids::TenantId;
use domain::tenant::Settings;
use libfuzzer_sys::fuzz_target;
use store::{Position, Tenant, TenantKey};

fuzz_target!(|text: &str| {
    let tenant = |key| Tenant {
        id: TenantId::parse("demo").unwrap(),
        settings: Settings::default(),
        key: TenantKey::new([key; 32]),
    };
    let list = |tenant: &Tenant| Cursors::of(tenant, "interactions".to_owned());
    let (ours, theirs) = (list(&tenant(1)), list(&tenant(2)));
    if let Ok(position) = ours.open(text) {
        assert_eq!(ours.seal(&position), text);
    }
    let position = Position(text.to_owned());
    let sealed = ours.seal(&position);
    assert_eq!(ours.open(&sealed).unwrap(), position);
    assert!(theirs.open(&sealed).is_err());
});
