//! `POST /v1/conversions`, field by field.

use domain::time::MINUTE_MS;
use e2e::{new_tenant, now};
use serde_json::{Value, json};

use super::{identifiers, order, refuses_each, with};

const PATH: &str = "/v1/conversions";

#[tokio::test]
async fn an_amount_that_its_currency_cannot_hold_is_refused() {
    let order = |amount: Value, currency: &str| {
        let order = with(order("hostile-1"), "/currency", json!(currency));
        with(order, "/amount_decimal", amount)
    };
    let shop = new_tenant().await;
    for (amount, currency) in [
        (json!(10.001), "USD"),
        (json!("10.001"), "USD"),
        (json!(1.5), "JPY"),
        (json!("0.1"), "jpy"),
        (json!("1.2345"), "KWD"),
        (json!(-1), "USD"),
        (json!("-0.01"), "USD"),
        (json!("10000000000000.01"), "USD"),
        (json!(1e300), "USD"),
        (json!("1e99999"), "USD"),
        (json!("1000000000000001"), "JPY"),
        (json!("1,000.00"), "USD"),
        (json!("$10"), "USD"),
        (json!("NaN"), "USD"),
        (json!("Infinity"), "USD"),
        (json!(" 10"), "USD"),
        (json!("+10"), "USD"),
        (json!(""), "USD"),
        (json!(true), "USD"),
        (json!([10]), "USD"),
        (json!({"units": 10}), "USD"),
        (Value::Null, "USD"),
    ] {
        let answer = shop.post(PATH, order(amount.clone(), currency)).await;
        let expected = "400 VALIDATION_ERROR amount_decimal";
        assert_eq!(answer.refusal(), expected, "{amount} {currency}: {}", answer.text);
    }
    super::nothing_is_stored(&shop, "hostile-1").await;
}

#[tokio::test]
async fn an_amount_is_read_exactly_from_its_text() {
    let shop = new_tenant().await;
    for (index, (amount, currency, leaves)) in [
        ("10.5", "USD", "10.50"),
        ("\"10.50\"", "USD", "10.50"),
        ("0", "USD", "0.00"),
        ("-0.00", "USD", "0.00"),
        ("5000.0", "JPY", "5000"),
        ("2.5e3", "USD", "2500.00"),
        ("1.234", "KWD", "1.234"),
        ("0.1", "USD", "0.10"),
        ("9007199254740.93", "USD", "9007199254740.93"),
        ("10000000000000.00", "USD", "10000000000000.00"),
        ("1000000000000000", "JPY", "1000000000000000"),
    ]
    .into_iter()
    .enumerate()
    {
        let order = with(order(&format!("order-{index}")), "/currency", json!(currency)).to_string();
        let answer = shop.post_text(PATH, &order.replace("10.5,", &format!("{amount},"))).await;
        assert_eq!(answer.status, 201, "{amount} {currency}: {}", answer.text);
        let expected = format!(r#""amount_decimal":{leaves},"currency":"{currency}""#);
        assert!(answer.text.contains(&expected), "{amount} {currency}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_currency_that_is_none_is_refused_alone() {
    let cases = [
        json!("XXX"),
        json!("ABC"),
        json!("XAU"),
        json!("US"),
        json!(""),
        json!("U$D"),
        json!(840),
        json!({}),
        Value::Null,
    ];
    let cases = cases.map(|value| ("/currency", value, "currency"));
    refuses_each(PATH, &order("hostile-1"), &cases).await;
}

#[tokio::test]
async fn a_conversions_fields_are_read_strictly() {
    let late = now().await.plus_ms(6 * MINUTE_MS).to_string();
    let cases = [
        ("/external_event_id", Value::Null, "external_event_id"),
        ("/external_event_id", json!("x".repeat(129)), "external_event_id"),
        ("/external_event_id", json!("order\u{0}1"), "external_event_id"),
        ("/event_type", Value::Null, "event_type"),
        ("/event_type", json!(""), "event_type"),
        ("/event_type", json!("x".repeat(65)), "event_type"),
        ("/event_type", json!(7), "event_type"),
        ("/event_source", Value::Null, "event_source"),
        ("/event_source", json!("x\r\nSet-Cookie: a=b"), "event_source"),
        ("/occurred_at", Value::Null, "occurred_at"),
        ("/occurred_at", json!("2026-03-03T12:00:00"), "occurred_at"),
        ("/occurred_at", json!("2026-03-03 12:00:00"), "occurred_at"),
        ("/occurred_at", json!(late), "occurred_at"),
        ("/occurred_at", json!("1999-12-31T23:59:59Z"), "occurred_at"),
        ("/occurred_at", json!(1_772_539_200_000_i64), "occurred_at"),
        ("/metadata", json!([1]), "metadata"),
        ("/metadata", json!({"x": "x".repeat(8192)}), "metadata"),
        ("/customer_identifiers", Value::Null, "customer_identifiers"),
        ("/customer_identifiers", json!([]), "customer_identifiers"),
        ("/customer_identifiers", identifiers(11), "customer_identifiers"),
        ("/customer_identifiers", json!([{"type": "phone", "value": "me"}]), "customer_identifiers[0].value"),
        (
            "/customer_identifiers",
            json!([{"type": "phone", "value": "+14155550123", "country": "US"}]),
            "customer_identifiers[0].country",
        ),
        ("/amount", json!(5), "amount"),
        ("/tenant_id", json!("other"), "tenant_id"),
        ("/conversion_event_id", json!("cnv_00000000000000000000000000000000"), "conversion_event_id"),
        ("/customer_id", json!("cus_00000000000000000000000000000000"), "customer_id"),
    ];
    refuses_each(PATH, &order("hostile-1"), &cases).await;
}

#[tokio::test]
async fn a_conversion_may_lie_four_minutes_ahead() {
    let shop = new_tenant().await;
    let ahead = now().await.plus_ms(4 * MINUTE_MS).to_string();
    let answer = shop.post(PATH, with(order("ahead"), "/occurred_at", json!(ahead))).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}
