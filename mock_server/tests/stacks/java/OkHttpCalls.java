// With OkHttp, in its default settings.
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okio.BufferedSink;

public class OkHttpCalls extends Calls {
    final OkHttpClient client = new OkHttpClient();

    @Override
    String send(String method, String url, String token, byte[] body, How how) throws Exception {
        var type = MediaType.parse(token == null ? "image/png" : "application/json");
        var request = new Request.Builder().url(url).method(method, new RequestBody() {
            @Override
            public MediaType contentType() {
                return type;
            }

            @Override
            public long contentLength() {
                return how == How.CHUNKED ? -1 : body.length;
            }

            @Override
            public void writeTo(BufferedSink sink) throws java.io.IOException {
                sink.write(body);
            }
        });
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        if (how == How.EXPECT) {
            request.header("Expect", "100-continue");
        }
        try (var answer = client.newCall(request.build()).execute()) {
            return answer.code() + " " + answer.body().string();
        }
    }

    public static void main(String[] arguments) throws Exception {
        new OkHttpCalls().all(arguments[0], arguments[1], arguments[2], arguments[3]);
        System.exit(0); // its pool of connections has threads that stay
    }
}
