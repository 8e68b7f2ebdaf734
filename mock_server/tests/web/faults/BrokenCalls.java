import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

// Makes the calls of test_wire.py with the client of the JDK: prints the error of each fault.
class BrokenCalls {
    public static void main(String[] given) throws Exception {
        var client = HttpClient.newHttpClient();
        for (int number = 1; number < given.length; number++) {
            var request = HttpRequest.newBuilder(URI.create(given[0]))
                .header("authorization", "Bearer mock-token-0001")
                .header("x-mock-fault", given[number]);
            try {
                client.send(request.build(), BodyHandlers.ofString());
                System.out.println(given[number] + " answered");
            } catch (java.io.IOException error) {
                System.out.println(given[number] + " " + error);
            }
        }
    }
}
