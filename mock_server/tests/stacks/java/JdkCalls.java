// With the HTTP client of the JDK, in its default settings: it offers HTTP/2 with `Upgrade`.
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

public class JdkCalls extends Calls {
    final HttpClient client = HttpClient.newHttpClient();

    @Override
    String send(String method, String url, String token, byte[] body, How how) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url))
            .expectContinue(how == How.EXPECT)
            .method(method, how == How.CHUNKED
                ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body))
                : BodyPublishers.ofByteArray(body));
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        var answer = client.send(request.build(), BodyHandlers.ofString());
        return answer.statusCode() + " " + answer.body();
    }

    public static void main(String[] arguments) throws Exception {
        new JdkCalls().all(arguments[0], arguments[1], arguments[2], arguments[3]);
    }
}
