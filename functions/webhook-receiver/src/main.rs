use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let host = runtime::start();
    let app = webhook_receiver::App::connect(&host)?;
    lambda_http::run(webhook_receiver::router(app)).await
}
