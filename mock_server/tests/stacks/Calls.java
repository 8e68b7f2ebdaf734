// The calls of test_stacks.py with the HTTP client of the JDK, in its default settings.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.regex.Pattern;

public class Calls {
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static String base;
    static String token;

    static String post(String path, String body, boolean expect) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(base + path))
            .header("Authorization", "Bearer " + token)
            .header("Content-Type", "application/json")
            .expectContinue(expect)
            .POST(BodyPublishers.ofString(body))
            .build();
        var answer = CLIENT.send(request, BodyHandlers.ofString());
        return answer.statusCode() + " " + answer.body();
    }

    public static void main(String[] arguments) throws Exception {
        base = arguments[0];
        token = arguments[1];
        String order = arguments[2];
        System.out.println(post("/v1/jobs/credits", order, false));
        System.out.println(post("/v1/jobs/credits", order, false));
        System.out.println(post("/v1/jobs/credits", order, true));
        var putUrl = Pattern.compile("\"putUrl\":\"([^\"]+)\"").matcher(post("/v1/resource/image", "{}", false));
        putUrl.find();
        var upload = HttpRequest.newBuilder(URI.create(putUrl.group(1)))
            .PUT(BodyPublishers.ofFile(Path.of(arguments[3])))
            .build();
        System.out.println(CLIENT.send(upload, BodyHandlers.ofString()).statusCode() + " uploaded");
    }
}
