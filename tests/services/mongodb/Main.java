import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import java.net.InetSocketAddress;

/** Serves MongoDB's wire protocol on a port of the loopback, from one H2 file: `java Main.java <port> <file>`. */
public class Main {
  public static void main(String[] arguments) throws InterruptedException {
    int port = Integer.parseInt(arguments[0]);
    MongoServer server = new MongoServer(new H2Backend(arguments[1]));
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    server.bind(new InetSocketAddress("127.0.0.1", port));
    Thread.currentThread().join();
  }
}
