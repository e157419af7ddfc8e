use proptest::prelude::*;

use super::*;
use crate::ids::{ExternalId, TenantId};
use crate::money::Currency;
use crate::party::PartyKind;
use crate::source::Source;

const AT: Timestamp = Timestamp::from_ms(1_705_759_200_000);

fn tenant() -> TenantId {
    TenantId::parse("demo").unwrap()
}

fn touch(number: usize) -> FactId {
    FactId::interaction(&tenant(), Source::Api, &ExternalId::parse(&format!("touch-{number}")).unwrap())
}

fn conversion(name: &str) -> FactId {
    FactId::conversion(&tenant(), &ExternalId::parse(name).unwrap())
}

fn settled(amount: i64, commission: i64, shares: &[u64]) -> Settlement {
    let shares_of = |minor| attribution::split(minor, shares);
    let (revenue, paid) = (shares_of(amount), shares_of(commission));
    let earning = |(number, share_ppb): (usize, &u64)| Earning {
        touch: touch(number),
        touched_at: AT,
        channel: "email".to_owned(),
        campaign: None,
        partner_id: Some(format!("partner-{number}")),
        broker_id: None,
        share_ppb: *share_ppb,
        revenue_minor: revenue[number],
        commission_minor: paid[number],
    };
    Settlement::new(
        (conversion("order-1"), None, AT),
        (Money { minor: amount, currency: Currency::parse("USD").unwrap() }, commission),
        (ModelCode::PositionBased, None),
        shares.iter().enumerate().map(earning).collect(),
        AT,
    )
}

fn amounts(settlement: &Settlement) -> Vec<(i64, i64)> {
    settlement.records.iter().map(|record| (record.revenue_minor, record.commission_minor)).collect()
}

fn moved(touched: usize, revenue_minor: i64, commission_minor: i64) -> Move {
    Move { touch: touch(touched), revenue_minor, commission_minor }
}

#[test]
fn the_documents_example_gives_600_300_600_and_a_tenth_of_each() {
    let settlement = settled(150_000, 15_000, &[400_000_000, 200_000_000, 400_000_000]);
    assert_eq!(amounts(&settlement), [(60_000, 6_000), (30_000, 3_000), (60_000, 6_000)]);
}

#[test]
fn a_record_is_paid_what_is_owed_and_a_refund_afterwards_is_owed_back() {
    let mut settlement = settled(150_000, 15_000, &[1, 1]);
    assert!(settlement.is_replaceable());
    let refused = LedgerRefusal::IllegalMove(RecordStatus::Calculated, RecordStatus::Paid);
    assert_eq!(settlement.advance(&touch(0), RecordStatus::Paid), Err(refused));
    settlement.advance(&touch(0), RecordStatus::Approved).unwrap();
    assert!(!settlement.is_replaceable());
    settlement.advance(&touch(0), RecordStatus::Paid).unwrap();
    assert_eq!([settlement.records[0].owed_minor(), settlement.records[1].owed_minor()], [0, 7_500]);
    assert!(settlement.take_back(&conversion("refund-1"), -150_000, AT));
    assert_eq!([settlement.records[0].owed_minor(), settlement.records[1].owed_minor()], [-7_500, 0]);
}

#[test]
fn a_records_id_leads_to_it_and_is_spelled_in_one_way() {
    let settlement = settled(1_000, 100, &[1]);
    let id = RecordId::of(&settlement, &settlement.records[0]);
    let text = id.to_string();
    assert_eq!(RecordId::parse(&text), Some(id));
    for other in ["", "atr_", "atr_é", &text.to_uppercase(), &text[..text.len() - 1], &format!("{text}0")] {
        assert_eq!(RecordId::parse(other), None, "{other}");
    }
}

#[test]
fn a_refund_is_taken_back_once() {
    let mut settlement = settled(1_000, 100, &[1, 1, 1]);
    assert!(settlement.take_back(&conversion("refund-1"), -500, AT));
    let once = settlement.clone();
    assert!(!settlement.take_back(&conversion("refund-1"), -500, AT));
    assert!(!settlement.take_back(&conversion("refund-2"), 500, AT));
    assert_eq!(settlement, once);
    assert_eq!(amounts(&settlement), [(167, 17), (167, 17), (166, 16)]);
}

#[test]
fn a_disputed_record_stands_still_until_the_dispute_is_over() {
    let mut settlement = settled(1_000, 100, &[1, 1]);
    settlement.advance(&touch(0), RecordStatus::Approved).unwrap();
    settlement.contest(&touch(0), "dsp_1").unwrap();
    assert!(settlement.contest(&touch(0), "dsp_2").is_err());
    assert!(settlement.advance(&touch(0), RecordStatus::Paid).is_err());
    settlement.release("dsp_2");
    assert_eq!(settlement.records[0].status, RecordStatus::Disputed);
    settlement.release("dsp_1");
    assert_eq!(settlement.records[0].status, RecordStatus::Approved);
}

#[test]
fn hands_move_what_is_there_and_no_more() {
    let mut settlement = settled(1_000, 100, &[1, 1]);
    let mut adjust = |moves: &[Move]| settlement.adjust(moves, "dsp_1", AT);
    assert_eq!(adjust(&[moved(0, -1, 0)]), Err(LedgerRefusal::NotZeroSum));
    assert_eq!(adjust(&[moved(0, -501, 0), moved(1, 501, 0)]), Err(LedgerRefusal::BeyondWhatIsThere));
    assert_eq!(adjust(&[moved(0, -1, 0), moved(7, 1, 0)]), Err(LedgerRefusal::NoSuchRecord));
    adjust(&[moved(0, -200, -20), moved(1, 200, 20)]).unwrap();
    assert_eq!(amounts(&settlement), [(300, 30), (700, 70)]);
    assert_eq!(settlement.journal[0].moved, [(-200, -20), (200, 20)]);
    // What is paid back now comes from those who have it.
    assert!(settlement.take_back(&conversion("refund-1"), -500, AT));
    assert_eq!(amounts(&settlement), [(150, 15), (350, 35)]);
}

#[test]
fn a_record_that_is_given_to_somebody_else_is_no_longer_the_first_ones() {
    let mut settlement = settled(1_000, 100, &[1, 1]);
    let other = Party { kind: PartyKind::Partner, id: "partner-9".to_owned() };
    assert!(!settlement.parties().contains(&other));
    let to = Reassignment { partner_id: Some(Some("partner-9".to_owned())), ..Reassignment::default() };
    settlement.reassign(&touch(0), to).unwrap();
    assert!(settlement.records[0].is_of(&other));
    assert_eq!(settlement.parties().len(), 2);
}

proptest! {
    #[test]
    fn whatever_is_paid_back_or_moved_the_records_add_up_and_nothing_changes_its_sign(
        amount in 0_i64..1_000_000,
        commission in 0_i64..100_000,
        shares in prop::collection::vec(1_u64..1_000_000_000, 1..8),
        steps in prop::collection::vec((any::<bool>(), 1_i64..400_000, 0_usize..8, 0_usize..8), 0..12),
    ) {
        let mut settlement = settled(amount, commission, &shares);
        let first = amounts(&settlement);
        for (number, (is_refund, minor, from, to)) in steps.into_iter().enumerate() {
            if is_refund {
                let before = amounts(&settlement);
                let refund = conversion(&format!("refund-{number}"));
                prop_assert!(settlement.take_back(&refund, -minor, AT));
                for (after, before) in amounts(&settlement).iter().zip(&before) {
                    prop_assert!(after.0 <= before.0 && after.1 <= before.1);
                }
            } else {
                let (from, to) = (from % shares.len(), to % shares.len());
                let some = minor % (settlement.records[from].revenue_minor + 1);
                settlement.adjust(&[moved(from, -some, 0), moved(to, some, 0)], "dsp_1", AT).unwrap();
            }
            let (revenue, paid): (Vec<_>, Vec<_>) = amounts(&settlement).into_iter().unzip();
            prop_assert_eq!(revenue.iter().sum::<i64>(), settlement.left_minor());
            prop_assert!(revenue.iter().chain(&paid).all(|minor| *minor >= 0));
        }
        // The journal tells how it came so.
        let mut replayed = first;
        for line in &settlement.journal {
            replayed.iter_mut().zip(&line.moved).for_each(|(sum, (r, c))| *sum = (sum.0 + r, sum.1 + c));
        }
        prop_assert_eq!(&replayed, &amounts(&settlement));
        settlement.take_back(&conversion("everything"), -amount.max(1), AT);
        prop_assert!(amounts(&settlement).iter().all(|(r, _)| *r == 0));
        prop_assert!(amount == 0 || amounts(&settlement).iter().all(|(_, c)| *c == 0));
    }
}
