use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let host = runtime::start();
    let app = ledger_api::App::connect(&host)?;
    lambda_http::run(ledger_api::router(app)).await
}
